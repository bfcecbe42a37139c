package broker_test

import (
	"errors"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/domain"
)

// A stream that is published twice arrives twice, even though the broker drops messages that it knows.
// A message that is repeated within one publication, because the broker's answer was lost, is dropped.
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
		_, err := p.Publish(t.Context(), segments...)
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"a\n", "b\n", "a\n", "b\n", "a\n", "b\n"}, arrived)
}
