package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/quire-ci/quire-project/projections"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// Open opens the database in a file, and makes the file and the tables where
// they are not there yet. A database with somebody else's tables of the same
// names is left as it is, see [store.ErrForeign].
//
// A database that cannot be written is opened for reading.
func Open(ctx context.Context, path string, opts ...Option) (*Store, error) {
	o := options{busyTimeout: 10 * time.Second, cache: 64 << 20, set: projections.Builtin}
	for _, opt := range opts {
		opt(&o)
	}
	s, err := open(ctx, path, &o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, explain(err))
	}
	return s, nil
}

func open(ctx context.Context, name string, o *options) (*Store, error) {
	path, exists, err := locate(name)
	if err != nil {
		return nil, err
	}
	if !exists && o.mustExist {
		return nil, errNoStore
	}
	mode, err := modeOf(ctx, path, exists, o)
	if err != nil {
		return nil, err
	}
	writes, err := handle(path, mode, o, writing)
	if err != nil {
		return nil, err
	}
	if mode.Get("mode") == "rwc" {
		mode.Set("mode", "rw") // whoever reads makes no file
	}
	reads, err := handle(path, mode, o, reading)
	if err != nil {
		return nil, err
	}
	reads.SetMaxIdleConns(runtime.GOMAXPROCS(0))
	writes.SetMaxOpenConns(1)
	// Who closes last takes over what is in the write-ahead log.
	s := newStore(name, o.set, reads, writes, func() error { return errors.Join(reads.Close(), writes.Close()) })
	if mode.Has("immutable") {
		if err := isMade(ctx, reads, o.set); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		return s, nil
	}
	err = patiently(ctx, o.busyTimeout, func() error { return useLog(ctx, writes) })
	if err == nil {
		err = migrate(ctx, writes, o.set, o.remake)
	}
	if err == nil {
		err = s.files.open(path)
	}
	if err != nil {
		return nil, errors.Join(couldNotCreate(path, exists, err), s.Close())
	}
	return s, nil
}

// New makes a store of a database that is open already. The tables are made
// where they are not there yet; settings are left as they are, and options that
// are about settings have no effect. The handle
// stays the caller's, and is not closed.
func New(ctx context.Context, db *sql.DB, opts ...Option) (*Store, error) {
	o := options{set: projections.Builtin}
	for _, opt := range opts {
		opt(&o)
	}
	if err := migrate(ctx, db, o.set, o.remake); err != nil {
		return nil, explain(err)
	}
	return newStore("", o.set, db, db, func() error { return nil }), nil
}

var errNoStore = fmt.Errorf("there is no store here; make one with rebuild: %w", fs.ErrNotExist)

var errNoDatabase = errors.New("the file is no SQLite database; name another one")

// locate makes a path absolute and finds out whether a file is there. The file
// is not opened: to close it would take the locks of every connection to it.
func locate(name string) (path string, exists bool, err error) {
	if name == "" || name == ":memory:" || strings.ContainsRune(name, 0) {
		return "", false, errors.New("this names no file, and a store is kept in one")
	}
	if path, err = filepath.Abs(name); err != nil {
		return "", false, err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return path, false, nil
	case err != nil:
		return "", false, err
	case info.IsDir():
		return "", false, errors.New("this is a folder, and a store is kept in a file")
	case !info.Mode().IsRegular():
		return "", false, errors.New("this is no regular file, and a store is kept in one")
	case info.Size() == 1: // SQLite would take it for an empty one
		return "", false, errNoDatabase
	}
	return path, true, nil
}

// modeOf finds out how a file can be opened, and refuses one that is no store
// and is not to become one. The file is left as it is.
func modeOf(ctx context.Context, path string, exists bool, o *options) (url.Values, error) {
	if !exists {
		return url.Values{"mode": {"rwc"}}, nil
	}
	mode := url.Values{"mode": {"rw"}}
	look := mode
	_, err := os.Stat(path + "-wal")
	if err == nil {
		// Someone is at it, or has died. Whoever may write takes over what is in
		// the log, in closing.
		look = url.Values{"mode": {"ro"}}
	}
	logged := err == nil
	version, err := peek(ctx, path, look, o)
	if !logged && (codeOf(err)&0xff == lib.SQLITE_CANTOPEN || codeOf(err) == lib.SQLITE_READONLY_DIRECTORY) {
		// The log cannot be made in a folder that cannot be written. As there
		// is none, nobody writes, and it is not needed.
		mode = url.Values{"mode": {"ro"}, "immutable": {"1"}}
		version, err = peek(ctx, path, mode, o)
	}
	if err == nil && version == 0 && o.mustExist {
		err = errNoStore
	}
	return mode, err
}

// peek returns the version of a store in a file that exists.
func peek(ctx context.Context, path string, mode url.Values, o *options) (int64, error) {
	db, err := handle(path, mode, o, nil)
	if err != nil {
		return 0, err
	}
	version, err := inspect(ctx, db, o.set)
	return version, errors.Join(err, db.Close())
}

// useLog has the database use a write-ahead log, so that nobody who reads waits
// for somebody who writes, or the other way round. Where that is not possible,
// it is done without.
func useLog(ctx context.Context, db *sql.DB) error {
	var mode string
	err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode)
	if err != nil || mode == "wal" {
		return err
	}
	_, err = db.ExecContext(ctx, "PRAGMA journal_mode = wal")
	switch codeOf(err) & 0xff {
	case lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN:
		return nil
	}
	return err
}

// couldNotCreate says why a file could not be made, which SQLite does not.
func couldNotCreate(path string, existed bool, err error) error {
	if existed || codeOf(err)&0xff != lib.SQLITE_CANTOPEN {
		return err
	}
	folder := filepath.Dir(path)
	if _, missing := os.Stat(folder); missing != nil {
		return fmt.Errorf("the file cannot be made, its folder is not there: %w", missing)
	}
	return fmt.Errorf("the file cannot be made; see to it that you may write the folder %s: %v", folder, err)
}

// codeOf returns the code of an error of SQLite, and 0 for other errors.
func codeOf(err error) int {
	var failed *sqlite.Error
	if errors.As(err, &failed) {
		return failed.Code()
	}
	return 0
}
