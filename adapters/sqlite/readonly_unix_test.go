//go:build unix

package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// A read-only store can be read, and writing it returns ErrReadOnly.
func TestReadOnly(t *testing.T) {
	for _, test := range []struct {
		name         string
		file, folder os.FileMode
		journal      string
	}{
		{"file", 0o444, 0o777, "wal"},
		{"folder", 0o666, 0o555, "wal"},
		{"both", 0o444, 0o555, "wal"},
		{"both without a log", 0o444, 0o555, "delete"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "quire.db")
			writeRun(t, path, "a")
			execute(t, path, "PRAGMA journal_mode = "+test.journal)
			protect(t, path, test.file)
			protect(t, filepath.Dir(path), test.folder)
			asAnybody(t, "read", path)
			asAnybody(t, "lack", path)
		})
	}
}

// A reader sees what a writer has written to the log only.
func TestReadOnlyBesideWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	s := open(t, path)
	require.NoError(t, s.Update(t.Context(), insertRun("a")))
	for _, name := range filesIn(t, filepath.Dir(path)) {
		protect(t, filepath.Join(filepath.Dir(path), name), 0o444)
	}
	protect(t, filepath.Dir(path), 0o555)
	asAnybody(t, "read", path)
}

func TestReadOnlyFolderWithoutStore(t *testing.T) {
	folder := t.TempDir()
	protect(t, folder, 0o555)
	asAnybody(t, "make", filepath.Join(folder, "quire.db"))
}

// protect changes a mode until the test ends.
func protect(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	require.NoError(t, os.Chmod(path, mode))
	t.Cleanup(func() { os.Chmod(path, 0o777) })
}

// asAnybody calls a function as a user without privileges, because root can write
// everywhere.
func asAnybody(t *testing.T, what, path string) {
	t.Helper()
	if os.Geteuid() != 0 {
		assert.NoError(t, anybody[what](t.Context(), path))
		return
	}
	os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755) // of all folders of the test
	folder := t.TempDir()
	os.Chmod(filepath.Dir(folder), 0o755)
	program := filepath.Join(folder, "program")
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(program, []byte(bytesOf(t, self)), 0o755))
	cmd := exec.Command(program)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), actAs+what, "SQLITE_TEST_PATH="+path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func init() {
	anybody["read"] = readsOnly
	anybody["make"] = makesNone
	anybody["lack"] = lacksTable
}

func readsOnly(ctx context.Context, path string) error {
	s, err := sqlite.Open(ctx, path, sqlite.MustExist())
	if err != nil {
		return err
	}
	defer s.Close()
	runs, err := s.Runs(ctx, store.Page{})
	if err != nil || len(runs) != 1 || runs[0].RunID != "a" {
		return fmt.Errorf("Runs = %v, %v", runs, err)
	}
	err = s.View(ctx, "a", func(snapshot store.Snapshot) error {
		for row, err := range snapshot.Rows(projections.ShEvents.Definition) {
			if err == nil && projections.ShEvents.At(row.Value).Cmd != "a secret" {
				return fmt.Errorf("row %v", row)
			}
			return err
		}
		return errors.New("no rows")
	})
	if err != nil {
		return err
	}
	err = s.Update(ctx, func(store.Tx) error { return nil })
	if !errors.Is(err, store.ErrReadOnly) || !strings.Contains(err.Error(), path) {
		return fmt.Errorf("Update: %v", err)
	}
	return nil
}

func makesNone(ctx context.Context, path string) error {
	_, err := sqlite.Open(ctx, path)
	if err == nil || !strings.Contains(err.Error(), "cannot be made; make the folder "+filepath.Dir(path)+" writable") {
		return fmt.Errorf("Open: %v", err)
	}
	return nil
}

// lacksTable opens a read-only store with a projection that the store has no table for.
func lacksTable(ctx context.Context, path string) error {
	set, err := projections.NewSet(mine[older](1))
	if err != nil {
		return err
	}
	_, err = sqlite.Open(ctx, path, sqlite.Projections(set))
	if !errors.Is(err, store.ErrReadOnly) {
		return fmt.Errorf("Open: %v", err)
	}
	return nil
}
