package broker_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/domain"
)

// What is published once more arrives once more, though the broker drops what it has had.
// What is sent again within one publication, because the broker's answer was lost, is
// dropped.
func TestPublishedOnceMoreArrives(t *testing.T) {
	had := map[string]bool{}
	var arrived []string
	answers := []error{nil, errors.New("the answer is lost"), nil, nil}
	p := broker.NewPublisher(publisherFunc(func(_ string, messages ...*message.Message) error {
		for _, m := range messages {
			if !had[m.UUID] {
				had[m.UUID] = true
				arrived = append(arrived, string(m.Payload))
			}
		}
		answer := answers[0]
		answers = answers[1:]
		return answer
	}), broker.FixedTopics("q", 1), broker.PublishOptions{FirstDelay: 1, MostDelay: 1})
	segments := []domain.Segment{{Run: "r", Data: []byte("a\n")}, {Run: "r", Offset: 2, Data: []byte("b\n")}}
	for range 3 {
		if _, err := p.Publish(t.Context(), segments...); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"a\n", "b\n", "a\n", "b\n", "a\n", "b\n"}; !slices.Equal(arrived, want) {
		t.Errorf("%q arrived, want %q", arrived, want)
	}
}
