package store_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// counting is a store that counts what it is given in the last transaction.
type counting struct {
	store.Store
	rows, state int // how many rows, and the bytes of the state
}

func (s *counting) Update(ctx context.Context, do func(store.Tx) error) error {
	s.rows, s.state = 0, 0
	return s.Store.Update(ctx, func(tx store.Tx) error { return do(&countingTx{tx, s}) })
}

type countingTx struct {
	store.Tx
	s *counting
}

func (t *countingTx) Insert(rows *store.Rows) error {
	t.s.rows += rows.Len()
	return t.Tx.Insert(rows)
}

func (t *countingTx) SetCheckpoint(run domain.RunID, c store.Checkpoint) error {
	t.s.state += len(c.State)
	return t.Tx.SetCheckpoint(run, c)
}

// However much is open, an event costs the rows that it changes, and a state that does
// not hold what is in rows: for segments, also of a projector that has not seen what was
// before them, and for a file that has grown.
func TestWhatIsOpenIsNotWrittenAgain(t *testing.T) {
	const open = 5000
	var events []domain.Event
	for i := range open {
		job := fmt.Sprint("job ", i%50)
		events = append(events, domain.NewShStarted(int64(i), job, fmt.Sprint("sleep ", i)))
	}
	s := &counting{Store: memory.New()}
	stream := file{run: "r", data: lines(events...)}
	p := store.NewProjector(s, wire{}, store.ProjectorOptions{Source: func(domain.RunID) string { return stream.Name() }})
	defer func() { p.Close(context.Background()) }()
	require.NoError(t, p.Apply(t.Context(), domain.Segment{Run: "r", Data: stream.data}))
	require.GreaterOrEqual(t, s.rows, open)
	const most = 8 // the rows of the run, of a job, its timing, a command, and some diagnostics
	for name, more := range map[string]domain.Event{
		"an unknown event":         domain.NewUnknown(1, "x", ""),
		"a command more":           domain.NewShStarted(1, "job 3", "true"),
		"a command less":           domain.NewShFinished(1, "job 4", 0),
		"a job that finishes":      domain.NewJobFinished(2, "job 5", domain.Complete),
		"a job that has finished":  domain.NewJobFinished(2, "job 5", domain.Complete),
		"the first event of a job": domain.NewJobStarted(1, "another"),
	} {
		for way, apply := range map[string]func(data []byte) error{
			"segment": func(data []byte) error {
				return p.Apply(t.Context(), domain.Segment{Run: "r", Offset: int64(len(stream.data)), Data: data})
			},
			"segment for another projector": func(data []byte) error {
				p.Close(t.Context())
				p = store.NewProjector(s, wire{}, store.ProjectorOptions{Source: func(domain.RunID) string { return stream.Name() }})
				return p.Apply(t.Context(), domain.Segment{Run: "r", Offset: int64(len(stream.data)), Data: data})
			},
			"file": func(data []byte) error {
				_, err := store.Ingest(t.Context(), s, file{"r", append(stream.data, data...)}, store.Options{})
				return err
			},
		} {
			data := lines(more)
			require.NoError(t, apply(data), "%s, %s", name, way)
			stream.data = append(stream.data, data...)
			assert.LessOrEqual(t, s.rows, most, "%s, %s", name, way)
			assert.LessOrEqual(t, s.state, 20_000, "%s, %s: the state", name, way)
		}
	}
	isRecordOf(t, s, stream)
}
