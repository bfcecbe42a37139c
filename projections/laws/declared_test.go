package laws

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// A mistake in a declaration is found before any law is tried.
func TestDeclarationIsChecked(t *testing.T) {
	err := Hold(declared(newTally, "job"), nil)
	assert.ErrorContains(t, err, `projection "tally": its key names the column "job"`)
	assert.NoError(t, Hold(projections.Jobs, nil), "a built-in projection")
}

// A projection is found that does something at events of a kind that its declaration does not name.
func TestKindsAreHeeded(t *testing.T) {
	of := func(kinds ...domain.Kind) *projections.Defined[tally] {
		return projections.Define(projections.Declaration[tally]{Name: "commands", Version: 1, Single: true, Kinds: kinds, New: func() projections.Projection[tally] {
			return &broken{reduce: func(p *tally, s *step, rows []row) []row {
				if s.ShCloses {
					p.Count++
				}
				return rows
			}}
		}})
	}
	stream := Entries([]domain.Event{domain.NewShStarted(1, "a", "x"), domain.NewShFinished(2, "a", 0)})
	assert.NoError(t, Hold(of(domain.ShFinished), stream))
	assert.ErrorContains(t, Hold(of(domain.ShStarted), stream), `the law "heeded" is broken`)
}

type mood struct {
	State projections.State `json:"state"`
}

// moods has one row, whose state is any command.
type moods struct {
	Row mood `json:"row"`
}

func (p *moods) Reduce(s *step, rows []projections.Row[mood]) []projections.Row[mood] {
	if s.ShOpens {
		p.Row.State = projections.State(s.Cmd)
	}
	return rows
}

func (p *moods) Open(_ *tracker, rows []projections.Row[mood]) []projections.Row[mood] {
	return append(rows, projections.Row[mood]{Value: p.Row})
}

// A text that its column does not list does not fit.
func TestFittingTexts(t *testing.T) {
	of := projections.Define(projections.Declaration[mood]{
		Name: "moods", Version: 1, Single: true,
		New: func() projections.Projection[mood] { return &moods{mood{projections.Active}} },
	})
	for cmd, want := range map[string]string{"failed": "", "make": `which is none of ["active" "complete" "failed"]`} {
		err := Hold(of, Entries([]domain.Event{domain.NewShStarted(1, "a", cmd)}))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", cmd, err)
		}
	}
}
