package store_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// isRecordOf reports differences between a store and one fold of a stream, and waiting segments.
func isRecordOf(t rapid.TB, s store.Store, stream file) {
	t.Helper()
	hasRecordOf(t, s, stream)
	waiting, err := s.Waiting(context.Background(), stream.run)
	for _, w := range waiting {
		t.Errorf("run %q: %d segments wait, quarantine %+v, %v", stream.run, w.Segments, w.Quarantine, err)
	}
}

// hasRecordOf reports differences between the rows of a store and one fold of a stream.
func hasRecordOf(t rapid.TB, s store.Store, stream file) {
	t.Helper()
	source, err := stream.Open(context.Background(), domain.StartMark)
	require.NoError(t, err)
	want, err := projections.Project(stream.run, source)
	require.NoError(t, err)
	got, err := store.ReadRecord(context.Background(), s, stream.run)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("run %q: got %v\n%+v\nwant\n%+v", stream.run, err, got, want)
	}
}

// newer is a store that another program has switched to rows of a newer version.
type newer struct{ store.Store }

func (newer) Versions(context.Context) (map[string]int, error) {
	return map[string]int{projections.Jobs.Name: projections.Jobs.Version + 1}, nil
}

// A projector without segments notices that its store has another version.
func TestIdleProjectorIsOutdated(t *testing.T) {
	found := make(chan error, 1)
	outdated := func(err error) {
		select {
		case found <- err:
		default:
		}
	}
	p := store.NewProjector(newer{memory.New()}, wire{}, store.ProjectorOptions{GapTimeout: time.Millisecond, Outdated: outdated})
	assert.ErrorIs(t, <-found, store.ErrOtherVersion)
	assert.NoError(t, p.Close(t.Context()))
}

// The end of a run is reported once, and the last written row is that of the whole stream, however the
// segments come and even if the projector is replaced.
func TestRunEndsOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := laws.Events().Draw(t, "events")
		stream := file{run: "r", data: lines(events...)}
		var cuts []int
		for offset := range stream.data {
			if offset > 0 && stream.data[offset-1] == '\n' && rapid.IntRange(0, 3).Draw(t, "cut") == 0 {
				cuts = append(cuts, offset)
			}
		}
		s := memory.New()
		ends, latest := 0, store.WrittenRun{}
		start := func() *store.Projector {
			return store.NewProjector(s, wire{}, store.ProjectorOptions{Done: func(b store.Batch) {
				for _, run := range b.Written {
					if latest = run; run.Ends {
						ends++
					}
				}
			}})
		}
		p := start()
		from := 0
		for _, to := range append(cuts, len(stream.data)) {
			segment := domain.Segment{Run: "r", Offset: int64(from), Data: stream.data[from:to]}
			for range rapid.IntRange(1, 2).Draw(t, "times") {
				require.NoError(t, p.Apply(t.Context(), segment))
				if rapid.IntRange(0, 3).Draw(t, "restart") == 0 {
					require.NoError(t, p.Close(t.Context()))
					p = start()
				}
			}
			from = to
		}
		require.NoError(t, p.Close(t.Context()))
		row, err := store.ReadRun(t.Context(), s, "r")
		require.NoError(t, err)
		assert.Equal(t, row, latest.Run)
		assert.Equal(t, row.Ended, ends == 1)
		assert.LessOrEqual(t, ends, 1)
		var labels []domain.Label
		for _, event := range events {
			if event.Kind == domain.RunStarted && labels == nil {
				labels = append([]domain.Label{}, slices.Collect(event.Labels().All())...)
			}
		}
		assert.Equal(t, labels, append(labels[:0:0], slices.Collect(latest.Labels.All())...))
	})
}

// Rows without a run and a checkpoint are compared, too, and the run's own row is missing.
func TestVerifyRowsWithoutRunAndCheckpoint(t *testing.T) {
	s := memory.New()
	stream := file{run: "r", data: lines(domain.NewJobStarted(0, "a"), domain.NewJobFinished(1, "a", domain.Complete))}
	if _, err := store.Ingest(t.Context(), s, stream, store.Options{}); err != nil {
		t.Fatal(err)
	}
	runs := []domain.RunID{stream.run}
	wrong := store.TableRows{Of: projections.Jobs.Definition, Rows: projections.Jobs.NewRows()}
	*projections.Jobs.At(wrong.New(0, true)) = projections.Job{JobID: "a", State: projections.Failed}
	err := s.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.Lock(runs)
		return errors.Join(err,
			tx.Clear(runs, []*projections.Definition{projections.RunTable.Definition, wrong.Of}),
			tx.Insert(&store.Rows{RunID: stream.run, Tables: []store.TableRows{wrong}}))
	})
	require.NoError(t, err)
	found := map[string]int{}
	err = store.Verify(t.Context(), s, store.Single(stream), store.VerifyOptions{
		Found: func(d store.Difference) { found[string(d.Kind)+" "+d.Table]++ },
		Done: func(v store.Verified) {
			assert.NoError(t, v.Err)
		},
	})
	if err != nil || found["missing runs"] != 1 || found["differs jobs"] == 0 || len(found) != 2 {
		t.Errorf("found %v, %v", found, err)
	}
}

// Segments continue a run after only some of its tables were derived again.
func TestSegmentsAfterSomeTablesWereDerived(t *testing.T) {
	for _, table := range projections.Builtin.Stored() {
		s := memory.New()
		first := lines(domain.NewJobStarted(0, "a"), domain.NewShStarted(1, "a", "make"))
		stream := file{run: "r", data: first}
		rest := lines(domain.NewShFinished(2, "a", 0), domain.NewJobFinished(3, "a", domain.Complete))
		apply := func(offset int, data []byte) {
			t.Helper()
			p := store.NewProjector(s, wire{}, store.ProjectorOptions{Source: func(domain.RunID) string { return stream.Name() }})
			require.NoError(t, errors.Join(p.Apply(t.Context(), domain.Segment{Run: "r", Offset: int64(offset), Data: data}), p.Close(t.Context())))
		}
		apply(0, first)
		got, err := store.Ingest(t.Context(), s, stream, store.Options{Tables: []*projections.Definition{table}})
		require.NoError(t, err, "%+v", got)
		require.Equal(t, store.Derived, got.Outcome, "%+v", got)
		apply(len(first), rest)
		stream.data = append(first, rest...)
		isRecordOf(t, s, stream)
	}
}
