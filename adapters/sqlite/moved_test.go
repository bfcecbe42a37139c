package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// disturbances are changes of the files of an open database, with the error of the store
// and what undoes the change.
var disturbances = map[string]struct {
	do, undo func(t *testing.T, path string)
	want     error
}{
	"removed":        {do: func(t *testing.T, path string) { remove(t, path, path+"-wal", path+"-shm") }, want: store.ErrGone},
	"removed alone":  {do: func(t *testing.T, path string) { remove(t, path) }, want: store.ErrGone},
	"moved":          {do: func(t *testing.T, path string) { move(t, path, path+".old") }, undo: func(t *testing.T, path string) { move(t, path+".old", path) }, want: store.ErrGone},
	"folder moved":   {do: func(t *testing.T, path string) { move(t, filepath.Dir(path), filepath.Dir(path)+"2") }, undo: func(t *testing.T, path string) { move(t, filepath.Dir(path)+"2", filepath.Dir(path)) }, want: store.ErrGone},
	"replaced":       {do: func(t *testing.T, path string) { writeRun(t, path+".new", "other"); move(t, path+".new", path) }, want: store.ErrReplaced},
	"restored":       {do: restore, want: store.ErrReplaced},
	"log removed":    {do: func(t *testing.T, path string) { remove(t, path+"-wal") }, want: store.ErrReplaced},
	"index removed":  {do: func(t *testing.T, path string) { remove(t, path+"-shm") }, want: store.ErrReplaced},
	"log replaced":   {do: func(t *testing.T, path string) { remove(t, path+"-wal"); create(t, path+"-wal") }, want: store.ErrReplaced},
	"made a folder":  {do: func(t *testing.T, path string) { remove(t, path); makeFolder(t, path) }, want: store.ErrReplaced},
	"link redirects": {do: redirect, want: store.ErrReplaced},
}

// A commit counts only if it went to the files at the path, whenever they are removed.
func TestDisturbed(t *testing.T) {
	for name, disturbed := range disturbances {
		for _, when := range []string{"between transactions", "within one"} {
			t.Run(name+" "+when, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "folder", "quire.db")
				makeFolder(t, filepath.Dir(path))
				writeRun(t, path+".linked", "before")
				require.NoError(t, os.Symlink(path+".linked", path+".link"))
				if name == "link redirects" {
					path += ".link"
				}
				s := openHere(t, path)
				require.NoError(t, s.Update(t.Context(), insertRun("a")))
				if when == "between transactions" {
					disturbed.do(t, path)
				}
				err := s.Update(t.Context(), func(tx store.Tx) error {
					if when == "within one" {
						disturbed.do(t, path)
					}
					return insertRun("b")(tx)
				})
				if !errors.Is(err, disturbed.want) || errors.Is(disturbed.want, store.ErrGone) != store.IsAway(err) {
					t.Errorf("Update: %v", err)
				}
				_, err = s.Checkpoints(t.Context(), []domain.RunID{"b"})
				assert.ErrorIs(t, err, disturbed.want, "Checkpoints")
				assert.ErrorIs(t, s.View(t.Context(), "b", func(store.Snapshot) error { return nil }), disturbed.want, "View")
				if disturbed.undo == nil {
					return
				}
				disturbed.undo(t, path)
				assert.NoError(t, s.Update(t.Context(), insertRun("c")), "when it is back")
			})
		}
	}
}

// A store does not change the file that replaced its database. A new store can open that
// file.
func TestReplacementIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	s := openHere(t, path)
	require.NoError(t, s.Update(t.Context(), insertRun("a")))
	remove(t, path+"-wal", path+"-shm") // which would be taken for the other one's
	disturbances["replaced"].do(t, path)
	second := openHere(t, path)
	require.NoError(t, second.Update(t.Context(), insertRun("b")))
	assert.ErrorIs(t, s.Update(t.Context(), insertRun("c")), store.ErrReplaced, "Update")
	if err := s.Close(); err != nil { // which must not take the other one's log with it
		t.Error(err)
	}
	assert.NoError(t, second.Update(t.Context(), insertRun("d")))
	runs, err := second.RunIDs(t.Context(), "", 10)
	if err != nil || len(runs) != 3 || runs[0] != "b" || runs[1] != "d" || runs[2] != "other" {
		t.Errorf("RunIDs = %q, %v", runs, err)
	}
	assert.Equal(t, "ok", query(t, path, "PRAGMA integrity_check"))
}

// A commit into a removed log is in the database after the store is closed.
func TestRemovedLogIsNotLost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	s := openHere(t, path)
	require.NoError(t, s.Update(t.Context(), insertRun("a")))
	remove(t, path+"-wal")
	assert.ErrorIs(t, s.Update(t.Context(), insertRun("b")), store.ErrReplaced, "Update")
	require.NoError(t, s.Close())
	if runs, err := openHere(t, path).RunIDs(t.Context(), "", 10); err != nil || len(runs) == 0 || runs[0] != "a" {
		t.Errorf("RunIDs = %q, %v", runs, err)
	}
}

// openHere opens a store that may be disturbed.
func openHere(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() }) // it may have been closed
	return s
}

func remove(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		require.NoError(t, os.Remove(path))
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, os.Rename(from, to))
}

func create(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, nil, 0o644))
}

func makeFolder(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, os.Mkdir(path, 0o755))
}

// restore puts a copy of the database in its place, as from a backup.
func restore(t *testing.T, path string) {
	t.Helper()
	copied, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path+".backup", copied, 0o644)
	}
	require.NoError(t, err)
	move(t, path+".backup", path)
}

// redirect makes the link at path point to another database.
func redirect(t *testing.T, path string) {
	t.Helper()
	writeRun(t, path+".other", "other")
	remove(t, path)
	require.NoError(t, os.Symlink(path+".other", path))
}
