package sqlite

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/quire-ci/quire-project/projections/store"
)

// explain makes of an error of SQLite what the contract has for it, and says
// what can be done. Errors of other drivers stay as they are.
func explain(err error) error {
	var failed *sqlite.Error
	if !errors.As(err, &failed) {
		return err
	}
	switch code := failed.Code(); {
	case code == lib.SQLITE_IOERR_SHMSIZE: // the index of the write-ahead log does not fit
		return fmt.Errorf("%w; make room and do the same again: %w", store.ErrFull, err)
	case code&0xff == lib.SQLITE_FULL:
		return fmt.Errorf("%w; make room and do the same again: %w", store.ErrFull, err)
	case code&0xff == lib.SQLITE_BUSY, code&0xff == lib.SQLITE_LOCKED:
		return fmt.Errorf("%w; do the same again when that is done: %w", store.ErrLocked, err)
	case code&0xff == lib.SQLITE_READONLY:
		return fmt.Errorf("%w; see to it that you may write the file and its folder: %w", store.ErrReadOnly, err)
	case code&0xff == lib.SQLITE_CANTOPEN:
		return fmt.Errorf("the file cannot be opened; see to it that you may read it and write its folder: %w", err)
	case code&0xff == lib.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", errNoDatabase, err)
	case code&0xff == lib.SQLITE_CONSTRAINT: // else they would have been removed before
		return fmt.Errorf("there are rows that this program has not written; rebuild --force replaces them; where that ends so, too, the database is damaged: remove it and derive its rows again with rebuild: %w", err)
	case code&0xff == lib.SQLITE_CORRUPT:
		return fmt.Errorf("the database is damaged; remove it and derive its rows again with rebuild: %w", err)
	}
	return err
}
