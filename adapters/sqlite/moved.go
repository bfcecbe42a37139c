package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/quire-ci/quire-project/projections/store"
)

// files are those of the database as they were when it was opened. SQLite goes on
// writing into a file whose name is gone, and nobody finds what is there.
type files struct {
	path string // empty where nothing is looked for
	db   fs.FileInfo

	mu       sync.Mutex
	wal, shm fs.FileInfo // nil where there is none, or none is known
}

// open takes note of the database's file.
func (f *files) open(path string) (err error) {
	f.path = path
	f.db, err = os.Stat(path)
	return err
}

// log takes note of the write-ahead log and its index. They go with the last
// connection, so it is for a connection that has just begun to use them.
func (f *files) log() {
	if f.path == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wal, _ = os.Stat(f.path + "-wal") // there is none in other journal modes
	f.shm, _ = os.Stat(f.path + "-shm")
}

// forget is for when the connection that log was called for is closed.
func (f *files) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wal, f.shm = nil, nil
}

// check reports whether the files that are open are those that the path names.
func (f *files) check() error {
	if f.path == "" {
		return nil
	}
	switch info, err := os.Stat(f.path); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: it was removed or moved while it was in use", store.ErrGone)
	case err != nil:
		return fmt.Errorf("%w: %w", store.ErrAway, err)
	case !os.SameFile(info, f.db):
		return fmt.Errorf("%w: another file was put in its place while it was in use; start again to use that one", store.ErrReplaced)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if isOther(f.path+"-wal", f.wal) || isOther(f.path+"-shm", f.shm) {
		return fmt.Errorf("%w: its write-ahead log (-wal, -shm) was removed or replaced while it was in use; end all programs that use the database, and start again", store.ErrReplaced)
	}
	return nil
}

// isOther reports whether a file that is known is not at path any more.
func isOther(path string, known fs.FileInfo) bool {
	if known == nil {
		return false
	}
	info, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, known)
}
