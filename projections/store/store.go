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
	// ID returns the store's id, in letters and digits. All programs that open the store get the
	// same id, and no other store has it, not even a copy or one that was created again in the same
	// place. Use it to record what you have passed to a store.
	ID(ctx context.Context) (string, error)
	// Projections returns the projections that this program derives rows of. The store
	// may have tables of other projections.
	Projections() *projections.Set
	// Versions returns the newest version of each projection that any program has
	// written rows of, by name.
	Versions(ctx context.Context) (map[string]int, error)
	// Checkpoints returns the checkpoints of the runs that are stored.
	Checkpoints(ctx context.Context, runs []domain.RunID) (map[domain.RunID]Checkpoint, error)
	// Revision returns text that every commit changes: if it returns the same text again, other
	// than "", what readers see has not changed in between. It takes much less time than reading.
	// Without a text, the store cannot tell.
	Revision(ctx context.Context) (string, error)
	// Update calls do with a transaction, and commits it. If do returns an error, Update
	// rolls back and returns the error. Others see all of the transaction or nothing. The
	// Tx is valid until do returns.
	Update(ctx context.Context, do func(Tx) error) error
	// View calls do with the rows of one run at one moment. The Snapshot is valid until do returns.
	View(ctx context.Context, run domain.RunID, do func(Snapshot) error) error
	// Runs returns a page of runs, as they are at one moment.
	Runs(ctx context.Context, page Page) ([]Listed, error)
	// RunIDs returns the first limit runs after after, in the order of their bytes, including runs
	// that have rows of the store's projections but no checkpoint.
	RunIDs(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error)
	// Outdated returns the first limit runs after after, in the order of their bytes, whose
	// [Checkpoint.Projections] lack one of the store's projections, or have another version of it.
	Outdated(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error)
	// Waiting returns the runs that are quarantined or have parked segments, in the order
	// of the bytes of their ids: among the given runs, or among all if none is given.
	Waiting(ctx context.Context, runs ...domain.RunID) ([]Waiting, error)
	// Parked returns a parked segment of a run that contains the byte at offset: the longest one,
	// and a tail only if there is no other.
	Parked(ctx context.Context, run domain.RunID, offset int64) (segment domain.Segment, ok bool, err error)
	// Keeps reports whether the store keeps the streams of its runs. A store that does will
	// always do so, whichever program writes it.
	Keeps(ctx context.Context) (bool, error)
	// Kept describes the kept streams of runs. Clear does not remove them.
	Kept(ctx context.Context, runs []domain.RunID) (map[domain.RunID]Kept, error)
	// Piece returns bytes of a kept stream from offset on: at least one byte if the stream
	// continues there, and no more than fit into memory.
	Piece(ctx context.Context, run domain.RunID, offset int64) ([]byte, error)
}

// Tx writes in a transaction.
type Tx interface {
	// Lock keeps others from writing runs until the transaction ends, and returns the
	// checkpoints of those that are stored, as of now. Call it once in a transaction,
	// before anything else.
	Lock(runs []domain.RunID) (map[domain.RunID]Checkpoint, error)
	// Versions is the store's Versions, as of now.
	Versions() (map[string]int, error)
	// Register adds the versions of the store's projections to Versions, since their rows
	// are about to be written. A newer version stays.
	Register() error
	// Clear removes the rows of runs from tables, and the checkpoints of the runs. Set a new
	// checkpoint for a run that is to be stored.
	Clear(runs []domain.RunID, tables []*projections.Definition) error
	// Truncate removes the rows of a run from a table whose index is length or more.
	Truncate(run domain.RunID, table *projections.Definition, length int) error
	// Insert adds rows, and replaces those that are stored, as [TableRows.Stored] says. The
	// rows belong to the caller again when Insert returns; an error in writing them may
	// appear as late as when the transaction commits. Clear a run that is not continued
	// before its first Insert.
	Insert(rows *Rows) error
	// SetCheckpoint sets a run's checkpoint.
	SetCheckpoint(run domain.RunID, checkpoint Checkpoint) error
	// Park stores segments that cannot be applied yet. Their data belongs to the caller again
	// when Park returns. If a segment of the same run, offset, length and Tail is parked
	// already, that one stays.
	Park(segments []domain.Segment) error
	// Unpark removes the parked segments of a run that end at or before end. Clear leaves
	// them.
	Unpark(run domain.RunID, end int64) error
	// SetQuarantine quarantines a run; nil lifts the quarantine. It replaces an existing
	// quarantine, except for its Since.
	SetQuarantine(run domain.RunID, quarantine *Quarantine) error
	// Keeps is the store's Keeps, as of the transaction. Call it after Lock.
	Keeps() bool
	// Keep writes data to the kept stream of a run at offset, which is in that stream or at its
	// end, and removes what was kept after the data. Each further call of the transaction has the
	// offset at which the data of the call before ended. Call SetCheckpoint in the same transaction,
	// with a checkpoint at the end of the data and with Kept. The data belongs to the caller again
	// when Keep returns.
	Keep(run domain.RunID, offset int64, data []byte) error
	// Discard removes the kept streams of runs.
	Discard(runs []domain.RunID) error
}

// Snapshot reads the rows of one run at one moment.
type Snapshot interface {
	// Checkpoint returns the run's checkpoint, if it has one.
	Checkpoint() (checkpoint Checkpoint, ok bool, err error)
	// Rows yields the rows of a table in the order of their positions; the index of a row
	// is its position less one. A row is valid until you ask for the next one. One
	// goroutine can read several sequences in turn; an error ends a sequence.
	Rows(table *projections.Definition) iter.Seq2[projections.AnyRow, error]
}
