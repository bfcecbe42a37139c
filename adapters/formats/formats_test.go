package formats

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/otlp"
	"github.com/quire-ci/quire-project/adapters/report"
)

// Each format is called by its name, and each option is taken by a format.
func TestNames(t *testing.T) {
	t.Parallel()
	require.NotContains(t, Names(0), Store.Name)
	for _, name := range Names(0) {
		kind, err := Parse(name)
		require.NoError(t, err)
		require.Equal(t, name, string(kind.Name))
		for bit := report.Takes(1); bit <= kind.Takes; bit <<= 1 {
			if kind.Takes&bit != 0 {
				require.Contains(t, Names(bit), name)
			}
		}
	}
	require.Contains(t, Names(report.TakesStreams), string(Store.Name))
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]report.Kind{
		"sqlite:quire.db":         Store,
		"postgres://db/ci":        Store,
		"otlp+http://host:4318":   otlp.Collector,
		"otlp+https://host/v1/tr": otlp.Collector,
	} {
		kind, err := Parse(target)
		require.NoError(t, err, target)
		require.Equal(t, want.Name, kind.Name, target)
	}
}

// A mistyped address may contain a password: the error repeats it only if it is a plain word.
func TestErrorsRepeatWordsOnly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		scheme := rapid.SampledFrom([]string{"u:p@", "jsom ", "", "\x1b["}).Draw(t, "before")
		secret := "secret" + rapid.StringMatching(`[a-z]{3}`).Draw(t, "secret")
		_, err := Parse(scheme + secret)
		require.Error(t, err)
		require.Equal(t, scheme == "", strings.Contains(err.Error(), secret), err)
	})
}
