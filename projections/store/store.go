package store

import (
	"context"
	"iter"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Store is a database that holds the rows of runs. An implementation is held
// to the contract by adapters/storetest.
//
// It is safe for concurrent use, by several goroutines and several processes.
type Store interface {
	// ID returns what the store is called, in letters and digits: all who open it get the
	// same, and no other store has it, not even a copy or one that was made anew in the same
	// place. Who keeps track of what a store has been given does so by its id.
	ID(ctx context.Context) (string, error)
	// Projections returns the projections that this program derives rows of. The store
	// may have tables of others.
	Projections() *projections.Set
	// Versions returns the newest version of each projection that any program has
	// written rows of, by name.
	Versions(ctx context.Context) (map[string]int, error)
	// Checkpoints returns those of runs that are stored.
	Checkpoints(ctx context.Context, runs []domain.RunID) (map[domain.RunID]Checkpoint, error)
	// Update lets do write in one transaction, and commits it unless do
	// returns an error, which is then returned. What others see is all of it
	// or nothing. The Tx is valid until do returns.
	Update(ctx context.Context, do func(Tx) error) error
	// View lets do read the rows of one run as they are at one moment. The
	// Snapshot is valid until do returns.
	View(ctx context.Context, run domain.RunID, do func(Snapshot) error) error
	// Runs returns a page of runs.
	Runs(ctx context.Context, page Page) ([]Run, error)
	// RunIDs returns the first limit runs behind after, in the order of their
	// bytes. Rows that have lost their checkpoint belong to a run too, if they are of one
	// of the store's projections.
	RunIDs(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error)
	// Outdated returns the first limit runs behind after, in the order of their bytes,
	// whose [Checkpoint.Projections] lack one of the store's, or have an older version of
	// it.
	Outdated(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error)
	// Waiting returns the runs among those named, or among all where none is,
	// that are quarantined or of which segments are parked, in the order of the
	// bytes of their ids.
	Waiting(ctx context.Context, runs ...domain.RunID) ([]Waiting, error)
	// Parked returns a parked segment of a run that has the byte at offset: the
	// longest one, and a tail only if there is no other.
	Parked(ctx context.Context, run domain.RunID, offset int64) (segment domain.Segment, ok bool, err error)
}

// Tx writes in a transaction.
type Tx interface {
	// Lock keeps everybody else from writing runs until the transaction ends,
	// and returns the checkpoints of those that are stored, as of now. Lock
	// is called once in a transaction, before anything else.
	Lock(runs []domain.RunID) (map[domain.RunID]Checkpoint, error)
	// Versions is that of the store, as of now.
	Versions() (map[string]int, error)
	// Register has Versions return the versions of the store's projections, of which rows
	// are about to be written. A newer version that is there stays.
	Register() error
	// Clear removes the rows of runs from tables. The checkpoints go too: a
	// run that is to be there gets a new one.
	Clear(runs []domain.RunID, tables []*projections.Definition) error
	// Truncate removes the rows of a run from a table whose index is length or more.
	Truncate(run domain.RunID, table *projections.Definition, length int) error
	// Insert adds rows that are not there, and replaces those that are, as
	// [TableRows.Stored] says. They are the caller's again when Insert returns, and may be
	// written as late as when the transaction commits. A run that is not continued is
	// cleared before its first Insert.
	Insert(rows *Rows) error
	// SetCheckpoint sets a run's checkpoint.
	SetCheckpoint(run domain.RunID, checkpoint Checkpoint) error
	// Park keeps segments that cannot be applied yet. Their data is the caller's
	// again when Park returns. One of the same run, offset, length and Tail that is
	// parked already stays as it is.
	Park(segments []domain.Segment) error
	// Unpark removes the parked segments of a run that end at or before end. Nothing
	// else does: they are no rows, and outlive Clear.
	Unpark(run domain.RunID, end int64) error
	// SetQuarantine sets why no segments of a run are applied; nil lifts the
	// quarantine. One that is there is replaced, but for its Since.
	SetQuarantine(run domain.RunID, quarantine *Quarantine) error
}

// Snapshot reads the rows of one run, as they are at one moment.
type Snapshot interface {
	// Checkpoint returns the run's checkpoint, if it has one.
	Checkpoint() (checkpoint Checkpoint, ok bool, err error)
	// Rows yields the rows of a table in the order of their positions; the index of a
	// row is its position less one. A row is valid until the next one is asked for. The
	// sequences can be taken from in turn, by one goroutine; an error ends a sequence.
	Rows(table *projections.Definition) iter.Seq2[projections.AnyRow, error]
}
