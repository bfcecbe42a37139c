package laws

import (
	"go/parser"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
)

// Each event, and the source that makes it.
func TestEventSource(t *testing.T) {
	for source, event := range map[string]domain.Event{
		`domain.NewJobStarted(-1, "a\x00")`:                      domain.NewJobStarted(-1, "a\x00"),
		`domain.NewJobFinished(1, "a", domain.Failed)`:           domain.NewJobFinished(1, "a", domain.Failed),
		`domain.NewShStarted(1, "a", "make \"x\"")`:              domain.NewShStarted(1, "a", "make \"x\""),
		`domain.NewShFinished(1, "a", -2)`:                       domain.NewShFinished(1, "a", -2),
		`domain.NewRunFinished(1, domain.Complete)`:              domain.NewRunFinished(1, domain.Complete),
		`domain.NewUnknown(1, "x", "{\"a\":1}")`:                 domain.NewUnknown(1, "x", "{\"a\":1}"),
		`domain.NewUnknown(1, "x", "").InJob("a")`:               domain.NewUnknown(1, "x", "").InJob("a"),
		`laws.RunStarted(1)`:                                     RunStarted(1),
		`laws.RunStarted(1, domain.Label{Key: "k", Value: "v"})`: RunStarted(1, domain.Label{Key: "k", Value: "v"}),
		`domain.Event{}`:                                         {},
	} {
		assert.Equal(t, source, eventSource(&event))
	}
}

func TestStreamSource(t *testing.T) {
	stream := Entries([]domain.Event{domain.NewJobStarted(1, "a"), {}})
	if got, want := source(stream), "\tlaws.Entries([]domain.Event{\n\t\tdomain.NewJobStarted(1, \"a\"),\n\t\tdomain.Event{},\n\t})"; got != want {
		t.Errorf("%s", got)
	}
	stream[1].Fault, stream[1].Line = domain.Torn, 7
	if got, want := source(stream), `	[]domain.Entry{
		{Event: domain.NewJobStarted(1, "a"), Position: domain.Position{Line: 1, Offset: 0}},
		{Position: domain.Position{Line: 7, Offset: 100}, Fault: domain.Torn},
	}`; got != want {
		t.Errorf("%s", got)
	}
}

// Whatever a stream holds, its source is an expression.
func TestSourceIsGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := source(spoilt(Streams()).Draw(t, "stream"))
		_, err := parser.ParseExpr(text)
		require.NoError(t, err, "%v:\n%s", err, text)
	})
}
