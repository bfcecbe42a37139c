package compare

import (
	"context"
	"errors"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// mostStored is how many runs are read from a store at most: with this many, verdicts find what they can.
const mostStored = 200

// Stored compares two runs of a store. The latest runs before b are the history.
func Stored(ctx context.Context, s store.Store, a, b domain.RunID) (*Comparison, error) {
	of, err := store.ReadRecord(ctx, s, a)
	if err != nil {
		return nil, err
	}
	to, err := store.ReadRecord(ctx, s, b)
	if err != nil {
		return nil, err
	}
	return StoredRecords(ctx, s, of, to)
}

// StoredRecords compares two runs that were read from a store, as [Stored] does.
func StoredRecords(ctx context.Context, s store.Store, of, to *projections.Record) (*Comparison, error) {
	c, earlier := Runs(of, to), Earlier(to)
	if err := earlier.readStored(ctx, s); err != nil {
		return nil, err
	}
	c.Judge(earlier)
	return c, nil
}

// readStored adds the latest runs that a store has before the run.
func (e *EarlierRuns) readStored(ctx context.Context, s store.Store) error {
	runs, err := before(ctx, s, e.of)
	if err != nil {
		return err
	}
	for i := range runs {
		record, err := store.ReadRecord(ctx, s, runs[i].RunID)
		switch {
		case err == nil:
			e.Add(record)
		case !errors.Is(err, store.ErrNoRun): // which was removed in the meantime
			return err
		}
	}
	return nil
}
