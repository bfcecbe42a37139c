package store_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// Rows whose run and checkpoint are gone are compared all the same, and the run's own
// row is missing.
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
