package sqlite

import (
	"errors"
	"fmt"
	"io/fs"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/quire-ci/quire-project/projections/store"
)

var (
	errNoStore    = fmt.Errorf("there is no store here; create it with rebuild: %w", fs.ErrNotExist)
	errNoDatabase = errors.New("the file is not an SQLite database; name another file")
)

// explain turns an error of SQLite into one of package store where there is one, and adds
// what to do. Errors of other drivers stay as they are.
func explain(err error) error {
	switch code := codeOf(err); {
	case code == 0:
		return err
	case code == lib.SQLITE_IOERR_SHMSIZE, code&0xff == lib.SQLITE_FULL: // the former: the log's index does not fit
		return fmt.Errorf("%w; make room, and try again: %w", store.ErrFull, err)
	case code&0xff == lib.SQLITE_BUSY, code&0xff == lib.SQLITE_LOCKED:
		return fmt.Errorf("%w; try again later: %w", store.ErrLocked, err)
	case code&0xff == lib.SQLITE_READONLY:
		return fmt.Errorf("%w; make the file and its folder writable: %w", store.ErrReadOnly, err)
	case code&0xff == lib.SQLITE_CANTOPEN:
		return fmt.Errorf("the file cannot be opened; make it readable and its folder writable: %w", err)
	case code&0xff == lib.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", errNoDatabase, err)
	case code&0xff == lib.SQLITE_CONSTRAINT: // the store deletes its own rows before
		return fmt.Errorf("there are rows that this program has not written; rebuild --force replaces them; if that fails too, the database is damaged: remove it and derive its rows again with rebuild: %w", err)
	case code&0xff == lib.SQLITE_CORRUPT:
		return fmt.Errorf("the database is damaged; remove it and derive its rows again with rebuild: %w", err)
	}
	return err
}

// codeOf returns the code of an error of SQLite, or 0 for other errors.
func codeOf(err error) int {
	if failed, ok := errors.AsType[*sqlite.Error](err); ok {
		return failed.Code()
	}
	return 0
}
