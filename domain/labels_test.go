package domain_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/domain"
)

type labels = []domain.Label

func TestLabels(t *testing.T) {
	for _, test := range []struct{ given, want labels }{
		{nil, nil},
		{labels{{"ref", "main"}}, labels{{"ref", "main"}}},
		{labels{{"sha", "1f"}, {"ref", ""}, {"Z", "3:x"}}, labels{{"Z", "3:x"}, {"ref", ""}, {"sha", "1f"}}},
		{labels{{"é", "\x00\n\""}, {"z", "日"}}, labels{{"z", "日"}, {"é", "\x00\n\""}}},
		{labels{{strings.Repeat("k", 64), strings.Repeat("v", 4096)}}, labels{{strings.Repeat("k", 64), strings.Repeat("v", 4096)}}},
	} {
		made, err := domain.NewLabels(slices.Clone(test.given)...)
		if err != nil {
			t.Errorf("%q: %v", test.given, err)
			continue
		}
		event := domain.NewRunStarted(7, made)
		assert.Equal(t, test.want, slices.Collect(event.Labels().All()), "%q", test.given)
		slices.Reverse(test.given)
		if again, _ := domain.NewLabels(test.given...); again != made || domain.NewRunStarted(7, again) != event {
			t.Errorf("%q: other labels when they come in another order", test.given)
		}
	}
}

func TestLabelsThatARunCannotHave(t *testing.T) {
	tooMany := make(labels, 65)
	for i := range tooMany {
		tooMany[i].Key = strings.Repeat("k", i)
	}
	for _, test := range []struct {
		given labels
		want  error
	}{
		{labels{{"", "x"}}, domain.ErrLabelKey},
		{labels{{strings.Repeat("k", 65), "x"}}, domain.ErrLabelKey},
		{labels{{strings.Repeat("é", 33), "x"}}, domain.ErrLabelKey},
		{labels{{"k", strings.Repeat("v", 4097)}}, domain.ErrLabelValue},
		{labels{{"a", "1"}, {"b", "2"}, {"a", "1"}}, domain.ErrLabelTwice},
		{labels{{"a\xff", "1"}}, domain.ErrLabelText},
		{labels{{"a", "\xc3("}}, domain.ErrLabelText},
		{tooMany, domain.ErrLabelCount},
	} {
		if got, err := domain.NewLabels(test.given...); !errors.Is(err, test.want) || got != (domain.Labels{}) {
			t.Errorf("%.80q: %v, want %v", test.given, err, test.want)
		}
	}
}

func TestOnlyARunStartedHasLabels(t *testing.T) {
	event := domain.NewUnknown(1, "x", `{"a":1}`)
	assert.Empty(t, slices.Collect(event.Labels().All()), "an unknown event has labels")
	for _, extra := range []string{`{"a":1}`, "1:", "1:a", "1:a9:b", "-1:a1:b", "x", "99999999999999999999:a"} {
		event := domain.Event{Kind: domain.RunStarted, Extra: extra} // as no constructor makes it
		for range event.Labels().All() {
			break // it ends, and does not panic
		}
	}
}
