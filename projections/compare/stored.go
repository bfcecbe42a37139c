package compare

import (
	"context"
	"errors"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// mostStored limits the runs that are read from a store. With this many, verdicts have all the
// power they can have.
const mostStored = 200

// Stored compares two runs of a store. The latest runs before b are the history. The functions prepare
// each run, see [AssumeEnded].
func Stored(ctx context.Context, s store.Store, a, b domain.RunID, prepare ...func(*projections.Record)) (*Comparison, error) {
	of, err := readPrepared(ctx, s, a, prepare)
	if err != nil {
		return nil, err
	}
	to, err := readPrepared(ctx, s, b, prepare)
	if err != nil {
		return nil, err
	}
	return StoredRecords(ctx, s, of, to, prepare...)
}

// StoredRecords compares two runs that were read from a store, as [Stored] does.
func StoredRecords(ctx context.Context, s store.Store, of, to *projections.Record, prepare ...func(*projections.Record)) (*Comparison, error) {
	c, earlier := Runs(of, to), Earlier(to)
	if err := earlier.readStored(ctx, s, prepare); err != nil {
		return nil, err
	}
	c.Judge(earlier)
	return c, nil
}

// readStored adds the latest runs that a store has before the run.
func (e *EarlierRuns) readStored(ctx context.Context, s store.Store, prepare []func(*projections.Record)) error {
	runs, err := before(ctx, s, e.of)
	if err != nil {
		return err
	}
	return EachStored(ctx, s, runs, prepare, e.Add)
}

// EachStored reads runs of a store, prepares them and calls add with each. It leaves out those that were removed
// in the meantime.
func EachStored(ctx context.Context, s store.Store, runs []store.Listed, prepare []func(*projections.Record), add func(*projections.Record)) error {
	for i := range runs {
		record, err := readPrepared(ctx, s, runs[i].RunID, prepare)
		switch {
		case err == nil:
			add(record)
		case !errors.Is(err, store.ErrNoRun):
			return err
		}
	}
	return nil
}

func readPrepared(ctx context.Context, s store.Store, run domain.RunID, prepare []func(*projections.Record)) (*projections.Record, error) {
	record, err := store.ReadRecord(ctx, s, run)
	for i := 0; err == nil && i < len(prepare); i++ {
		prepare[i](record)
	}
	return record, err
}
