package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/quire-ci/quire-project/projections"

	lib "modernc.org/sqlite/lib"
)

// Open opens the database in a file, and makes the file and the tables if they do not exist.
// If another program has tables of the same names, Open changes nothing and returns
// [store.ErrForeign].
//
// Open opens a read-only database for reading.
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
		mode.Set("mode", "rw") // readers do not make the file
	}
	reads, err := handle(path, mode, o, reading)
	if err != nil {
		return nil, err
	}
	reads.SetMaxIdleConns(runtime.GOMAXPROCS(0))
	writes.SetMaxOpenConns(1)
	// The last connection to close moves the write-ahead log into the database, so that
	// must be one that can write.
	s := newStore(name, o.set, reads, writes, func() error { return errors.Join(reads.Close(), writes.Close()) })
	if mode.Has("immutable") {
		if err := s.checkReadable(ctx); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		return s, nil
	}
	err = retryLocked(ctx, o.busyTimeout, func() error { return useLog(ctx, writes) })
	if err == nil {
		err = s.prepare(ctx, o.keep)
	}
	if err == nil {
		err = s.files.open(path)
	}
	if err != nil {
		return nil, errors.Join(couldNotCreate(path, exists, err), s.Close())
	}
	return s, nil
}

// New makes a store in a database that you have opened. It makes missing tables, but
// changes no settings; options for settings have no effect. Rows can be derived from kept
// streams only if the handle can have two connections. Close does not close the
// handle.
func New(ctx context.Context, db *sql.DB, opts ...Option) (*Store, error) {
	o := options{set: projections.Builtin}
	for _, opt := range opts {
		opt(&o)
	}
	s := newStore("", o.set, db, db, func() error { return nil })
	if err := s.prepare(ctx, o.keep); err != nil {
		return nil, explain(err)
	}
	return s, nil
}

// locate makes a path absolute and checks whether the file exists. It does not open the
// file, because closing it would drop the locks of every connection to it.
func locate(name string) (path string, exists bool, err error) {
	if name == "" || name == ":memory:" || strings.ContainsRune(name, 0) {
		return "", false, errors.New("this names no file; a store is a file")
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
		return "", false, errors.New("this is a folder; a store is a file")
	case !info.Mode().IsRegular():
		return "", false, errors.New("this is not a regular file; a store is a regular file")
	case info.Size() == 1: // SQLite would treat it as empty
		return "", false, errNoDatabase
	}
	return path, true, nil
}

// modeOf finds out how a file can be opened, and rejects a file that is not a store and must
// not become one. It does not change the file.
func modeOf(ctx context.Context, path string, exists bool, o *options) (url.Values, error) {
	if !exists {
		return url.Values{"mode": {"rwc"}}, nil
	}
	mode := url.Values{"mode": {"rw"}}
	look := mode
	_, err := os.Stat(path + "-wal")
	if err == nil {
		// Another program uses the database, or has crashed. A connection that can write
		// would move the log into the database when it closes.
		look = url.Values{"mode": {"ro"}}
	}
	logged := err == nil
	version, err := peek(ctx, path, look, o)
	if !logged && (codeOf(err)&0xff == lib.SQLITE_CANTOPEN || codeOf(err) == lib.SQLITE_READONLY_DIRECTORY) {
		// SQLite cannot make a log in a read-only folder. Because there is no log, nobody
		// writes, so reading needs none.
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

// useLog switches the database to a write-ahead log if possible, so that readers and writers
// do not wait for each other.
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

// couldNotCreate explains why a file could not be made, which SQLite does not.
func couldNotCreate(path string, existed bool, err error) error {
	if existed || codeOf(err)&0xff != lib.SQLITE_CANTOPEN {
		return err
	}
	folder := filepath.Dir(path)
	if _, missing := os.Stat(folder); missing != nil {
		return fmt.Errorf("the file cannot be made because its folder does not exist: %w", missing)
	}
	return fmt.Errorf("the file cannot be made; make the folder %s writable: %v", folder, err)
}

// escapePath escapes the characters of a path that have a meaning in a URI.
var escapePath = strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23")

// dsn names a database to the driver. The path is absolute, because connections may be
// opened after the working directory has changed.
func dsn(path string, parameters url.Values) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	return "file://" + escapePath.Replace(path) + "?" + parameters.Encode()
}

// The settings of connections that read, and of the one that writes.
var (
	reading = url.Values{"_query_only": {"1"}}
	writing = url.Values{
		"_txlock": {"immediate"}, // for migrations
		"_pragma": {
			// For a new file. Commands are long; splitting them over pages of 4 KiB
			// takes a tenth more time.
			"page_size(16384)",
			// A power failure leaves the database consistent, but can lose the latest
			// commits. They are derived again.
			"synchronous(normal)",
			// The write-ahead log is cut to this size after a large transaction.
			"journal_size_limit(67108864)",
		},
	}
)

// handle makes a handle whose connections have settings. It does not open a connection.
func handle(path string, mode url.Values, o *options, settings url.Values) (*sql.DB, error) {
	parameters := url.Values{
		"_busy_timeout": {fmt.Sprint(o.busyTimeout.Milliseconds())},
		"_error_rc":     {"1"}, // otherwise an error may have the message of another one
	}
	maps.Copy(parameters, mode)
	maps.Copy(parameters, settings)
	if pragmas := slices.Clone(parameters["_pragma"]); pragmas != nil {
		// How many KiB a transaction can change before SQLite writes some of it.
		pragmas = append(pragmas, fmt.Sprintf("cache_size(-%d)", o.cache>>10))
		if o.durable {
			pragmas = append(pragmas, "synchronous(full)")
		}
		parameters["_pragma"] = pragmas
	}
	return sql.Open("sqlite", dsn(path, parameters))
}
