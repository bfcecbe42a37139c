package follow

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// noRows is a projection without rows.
type noRows struct{}

func (noRows) Reduce(_ *projections.Step, rows []projections.Row[projections.Label]) []projections.Row[projections.Label] {
	return rows
}

func (noRows) Open(_ *projections.Tracker, rows []projections.Row[projections.Label]) []projections.Row[projections.Label] {
	return rows
}

// opened opens a database as a program does that has a version of one more projection.
func opened(t *testing.T, path string, version int) store.Store {
	t.Helper()
	set, err := projections.NewSet(projections.Define(projections.Declaration[projections.Label]{
		Name: "added", Version: version, Key: []string{"key"}, New: func() projections.Projection[projections.Label] { return noRows{} },
	}))
	require.NoError(t, err)
	s, err := sqlite.Open(t.Context(), path, sqlite.Projections(set))
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// A program of a new version waits for the rebuild, and says so. Then that of the old version ends
// with an error, once it has something to write.
func TestVersions(t *testing.T) {
	runs, db := t.TempDir(), filepath.Join(t.TempDir(), "quire.db")
	put(t, filepath.Join(runs, "a.jsonl"), keptLine)
	start := func(version int, report Report) (stop context.CancelFunc, ended chan error) {
		ctx, stop := context.WithCancel(t.Context())
		t.Cleanup(stop)
		ended = make(chan error, 1)
		go func() {
			_, err := Follow(ctx, runs, Options{Store: opened(t, db, version), Report: report})
			ended <- err
		}()
		return stop, ended
	}
	written, waits := make(chan struct{}, 99), make(chan error, 9)
	_, old := start(1, Report{Written: func([]store.WrittenRun) { written <- struct{}{} }})
	soon(t, "the run to be written", written)
	stop, next := start(2, Report{Warn: func(err error) { waits <- err }})
	err := soon(t, "the new program to wait", waits)
	assert.ErrorIs(t, err, store.ErrOtherVersion)
	assert.ErrorContains(t, err, "waiting until that is done")

	now := opened(t, db, 2)
	_, err = store.Rebuild(t.Context(), now, jsonl.Folder(runs), store.Options{})
	require.NoError(t, err)
	put(t, filepath.Join(runs, "b.jsonl"), keptLine)
	err = soon(t, "the old program to end", old)
	assert.ErrorIs(t, err, store.ErrOtherVersion)
	assert.ErrorContains(t, err, "use a newer program")
	assert.Eventually(t, func() bool {
		row, err := store.ReadRun(t.Context(), now, "b")
		return err == nil && row.Ended
	}, 5*time.Minute, 10*time.Millisecond)
	stop()
	assert.ErrorIs(t, soon(t, "the new program to end", next), context.Canceled)
	assert.Empty(t, waits)
}

func soon[A any](t *testing.T, what string, from <-chan A) (value A) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(5 * time.Minute):
		t.Fatalf("waiting for %s", what)
	}
	return value
}
