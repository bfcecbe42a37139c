package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

var (
	// ErrNoRun is returned by reads for a run that is not stored.
	ErrNoRun = errors.New("the run is not stored")
	// ErrForeign is returned when a database has tables of the same names that another
	// program has made.
	ErrForeign = errors.New("the database holds tables of another program")
	// ErrNewerSchema is the [ErrOtherVersion] of a store whose tables a newer version of the program
	// has made or migrated, also while the store was open.
	ErrNewerSchema = fmt.Errorf("%w: a newer version of this program has changed its tables; upgrade this program, and start it again", ErrOtherVersion)
	// ErrLocked is returned when another program has locked the store for too long.
	ErrLocked = errors.New("the database is locked by another program")
	// ErrReadOnly is returned when the store cannot be written.
	ErrReadOnly = errors.New("the database is read-only")
	// ErrFull is returned when the disk under the store is full.
	ErrFull = errors.New("the disk is full")
	// ErrAway is in the errors of a database that cannot be reached, is starting or
	// stopping, or has ended a transaction because of another: a retry may succeed.
	ErrAway = errors.New("the database is away")
	// ErrGone is returned when the file of the database was removed or moved while it was in
	// use. It may come back, without what was committed since.
	ErrGone = errors.New("the file of the database is gone")
	// ErrReplaced is returned when other files have taken the place of those that were
	// opened. Open the store again to use them.
	ErrReplaced = errors.New("the database was replaced")
	// ErrNoGeneration is returned for a generation of rows that no longer exists, or is now the
	// live one.
	ErrNoGeneration = errors.New("there is no such generation of rows")
	// ErrNotBuilt is returned for a switch to a generation of rows that lacks runs.
	ErrNotBuilt = errors.New("the new rows are not complete")
	// ErrRunID is returned for a run id that stores do not accept, see [CheckRunID].
	ErrRunID = errors.New("the run's id cannot be a key")
)

// IsAway reports whether an error of a store may go away if you wait: the store is away,
// gone, locked or full.
func IsAway(err error) bool {
	return errors.Is(err, ErrAway) || errors.Is(err, ErrGone) ||
		errors.Is(err, ErrLocked) || errors.Is(err, ErrFull)
}

// ColumnsError says that a table of a store was made for other columns than its projection
// has.
type ColumnsError struct {
	Projection *projections.Definition
	// Stored is the version of the rows; 0 if there are none.
	Stored int
}

func (e *ColumnsError) Error() string {
	what := fmt.Sprintf("the table %s was made for other columns than the projection %s has", e.Projection.Table, e.Projection.ID())
	if e.Stored == e.Projection.Version {
		return what + ", and its rows are of the same version; raise the version of the projection"
	}
	return what + "; rebuild derives its rows for these"
}

// RefusedError says that the store does not accept the rows of one run, and accepts others.
type RefusedError struct {
	Run domain.RunID
	Err error
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("run %q: the store does not take its rows: %v", e.Run, e.Err)
}

func (e *RefusedError) Unwrap() error { return e.Err }

// mayBeRefusal reports whether one run may be the reason why a transaction failed: a retry
// would fail in the same way, and another run might not.
func mayBeRefusal(err error) bool {
	switch {
	case err == nil, IsAway(err), errors.Is(err, ErrOtherVersion):
		return false
	case errors.Is(err, ErrReadOnly), errors.Is(err, ErrReplaced), errors.Is(err, ErrClosed):
		return false
	}
	return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// errProbe ends a transaction that only finds out whether the store accepts one.
var errProbe = errors.New("nothing was to be written")

// asRefused returns err as a [*RefusedError] if the store accepts other runs than run. Otherwise
// the store has failed.
func asRefused(ctx context.Context, s Store, run domain.RunID, err error) error {
	if !mayBeRefusal(err) || ctx.Err() != nil {
		return err
	}
	probe := []domain.RunID{"quire-project: a run that is not there"}
	failed := s.Update(ctx, func(tx Tx) error {
		if _, err := tx.Lock(probe); err != nil {
			return err
		}
		return cmp.Or(tx.Clear(probe, s.Projections().Stored()), errProbe)
	})
	if !errors.Is(failed, errProbe) {
		return err
	}
	return &RefusedError{run, err}
}

// maxRunID is how many bytes the id of a run may have. Databases limit the length of keys,
// which have this as a part.
const maxRunID = 512

// CheckRunID returns an error unless stores accept run as a key: it is not empty, is UTF-8, and
// has at most 512 bytes.
func CheckRunID(run domain.RunID) error {
	switch {
	case run == "":
		return fmt.Errorf("%w: it is empty; name the run with --run-id", ErrRunID)
	case len(run) > maxRunID:
		return fmt.Errorf("%w: it has %d bytes, and %d are allowed; name the run with --run-id", ErrRunID, len(run), maxRunID)
	case !utf8.ValidString(string(run)):
		return fmt.Errorf("%w: it is not UTF-8; name the run with --run-id, or rename its file", ErrRunID)
	}
	return nil
}

// SourceError is an error of one stream.
type SourceError struct {
	// Name is where the stream is.
	Name string
	Err  error
}

func (e *SourceError) Error() string { return e.Name + ": " + e.Err.Error() }
func (e *SourceError) Unwrap() error { return e.Err }
