package store_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// filesOf returns empty streams of runs.
func filesOf(runs []domain.RunID) (files []file) {
	for _, run := range runs {
		files = append(files, file{run: run})
	}
	return files
}

func ingestAll(t rapid.TB, s store.Store, runs []domain.RunID) {
	t.Helper()
	if _, err := store.IngestAll(context.Background(), s, folder{files: filesOf(runs)}, store.Options{}); err != nil {
		t.Fatal(err)
	}
}

func runIDs(t rapid.TB, s store.Store) []domain.RunID {
	t.Helper()
	ids, err := s.RunIDs(context.Background(), "", 1000)
	require.NoError(t, err)
	return ids
}

// Exactly the runs without a stream are pruned, with any number of pages of runs and streams.
func TestPruneInPages(t *testing.T) {
	ids := rapid.SliceOfDistinct(rapid.Custom(func(t *rapid.T) domain.RunID {
		return domain.RunID(rapid.StringMatching("[a-m]").Draw(t, "run"))
	}), rapid.ID[domain.RunID])
	rapid.Check(t, func(t *rapid.T) {
		stored, streams := ids.Draw(t, "stored"), ids.Draw(t, "streams")
		streams = append(streams, "there is always one")
		s := memory.New()
		ingestAll(t, s, stored)
		var pruned []domain.RunID
		done := func(r store.Result) {
			assert.Equal(t, store.Pruned, r.Outcome, "run %s", r.RunID)
			pruned = append(pruned, r.RunID)
		}
		page := rapid.IntRange(1, 5).Draw(t, "page")
		require.NoError(t, store.PruneInPages(context.Background(), s, folder{files: filesOf(streams)}, page, done))
		slices.Sort(stored)
		gone := func(run domain.RunID) bool { return !slices.Contains(streams, run) }
		kept := slices.DeleteFunc(slices.Clone(stored), gone)
		lost := slices.DeleteFunc(slices.Clone(stored), func(run domain.RunID) bool { return !gone(run) })
		if got := runIDs(t, s); !slices.Equal(got, kept) || !slices.Equal(pruned, lost) {
			t.Errorf("%q are left, want %q; %q were pruned, want %q", got, kept, pruned, lost)
		}
	})
}

// Runs that are pruned have a result even if another run is refused.
func TestPruneOfRefusedRun(t *testing.T) {
	s := &picky{contended{Store: memory.New()}, refusals{"b": refusedAtCheckpoint}}
	ingestAll(t, s.Store, []domain.RunID{"a", "b", "c"})
	var pruned []domain.RunID
	err := store.PruneInPages(t.Context(), s, folder{files: filesOf([]domain.RunID{"d"})}, 10, func(r store.Result) { pruned = append(pruned, r.RunID) })
	var refused *store.RefusedError
	if !errors.As(err, &refused) || refused.Run != "b" {
		t.Errorf("got %v", err)
	}
	assert.Equal(t, []domain.RunID{"a", "c"}, pruned)
	assert.Equal(t, []domain.RunID{"b"}, runIDs(t, s))
}

// An unreadable stream may be that of any run.
func TestNothingIsPrunedWhereStreamsCannotBeSeen(t *testing.T) {
	for name, streams := range map[string]folder{
		"one is unseen": {files: filesOf([]domain.RunID{"a"}), unseen: errors.New("permission denied")},
		"all are":       {unseen: errors.New("permission denied")},
		"there is none": {},
	} {
		t.Run(name, func(t *testing.T) {
			s := memory.New()
			ingestAll(t, s, []domain.RunID{"a", "b", "c"})
			for _, page := range []int{1, 10} {
				err := store.PruneInPages(context.Background(), s, streams, page, func(r store.Result) { t.Errorf("%+v", r) })
				if !errors.Is(err, store.ErrNotPruned) || streams.unseen != nil && !errors.Is(err, streams.unseen) {
					t.Errorf("got %v", err)
				}
			}
			assert.Len(t, runIDs(t, s), 3)
		})
	}
}
