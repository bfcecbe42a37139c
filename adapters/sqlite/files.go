package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/quire-ci/quire-project/projections/store"
)

// files detects whether the files of an open database are removed or replaced. SQLite continues
// to write to a removed file, where nobody finds the rows.
type files struct {
	path string // empty for no checks
	db   fs.FileInfo

	mu       sync.Mutex
	wal, shm fs.FileInfo // nil if they do not exist, or are unknown
}

// open remembers the database's file.
func (f *files) open(path string) (err error) {
	f.path = path
	f.db, err = os.Stat(path)
	return err
}

// openLog remembers the write-ahead log and its index. Call it when a connection has just
// begun to use them, because SQLite removes them with the last connection.
func (f *files) openLog() {
	if f.path == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wal, _ = os.Stat(f.path + "-wal") // other journal modes have none
	f.shm, _ = os.Stat(f.path + "-shm")
}

// closeLog forgets the write-ahead log when the connection of openLog is closed.
func (f *files) closeLog() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wal, f.shm = nil, nil
}

// check returns an error if the open files are not those at the path.
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

// isOther reports whether a known file is not at path any more.
func isOther(path string, known fs.FileInfo) bool {
	if known == nil {
		return false
	}
	info, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, known)
}
