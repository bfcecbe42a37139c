package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// writer puts work into the store, in order: several runs in one transaction
// where they are short, one where it is long.
type writer struct {
	store   Store
	options *Options
	// again makes work anew where the store has changed since it was made.
	again func(context.Context, Source) (*task, error)
}

// write writes a group of work, of different runs. One that the store refuses is no
// reason not to write the others: then each has a transaction of its own.
func (w *writer) write(ctx context.Context, group []*task) error {
	if err := ctx.Err(); err != nil {
		return err // which may be why a stream was not read
	}
	stale, err := w.once(ctx, group)
	if mayBeRefusal(err) && len(group) > 1 {
		return w.writeEach(ctx, group)
	}
	if err != nil {
		return err
	}
	for _, t := range group {
		if stale[t] {
			if t, err = w.retry(ctx, t.source); err != nil {
				return err
			}
		}
		w.options.done(t.result)
	}
	return nil
}

func (w *writer) writeEach(ctx context.Context, group []*task) error {
	for _, t := range group {
		if err := w.write(ctx, []*task{t}); err != nil {
			return err
		}
	}
	return nil
}

// once writes a group, and returns what of it does not fit to what is stored
// any more, and was not written. A run that is alone, and is refused, is set aside.
func (w *writer) once(ctx context.Context, group []*task) (stale map[*task]bool, err error) {
	if len(group) > 1 {
		return w.short(ctx, group)
	}
	t := group[0]
	if t.more != nil {
		stale, err = w.long(ctx, t)
	} else {
		stale, err = w.short(ctx, group)
	}
	var refused *RefusedError
	if err = asRefused(ctx, w.store, t.source.Run(), err); errors.As(err, &refused) {
		t.skip(refused)
		return nil, nil
	}
	return stale, err
}

// attempts is how often work is made anew because others write the same run.
const attempts = 20

// retry makes the work of a source anew, and writes it.
func (w *writer) retry(ctx context.Context, source Source) (*task, error) {
	for range attempts {
		t, err := w.again(ctx, source)
		if err != nil {
			return nil, err
		}
		stale, err := w.once(ctx, []*task{t})
		if err != nil {
			return nil, err
		}
		if !stale[t] {
			return t, nil
		}
	}
	return nil, fmt.Errorf("%s: somebody else keeps writing the same run; stop one of the two", source.Name())
}

// short writes work of which all rows are there in one transaction. It returns
// that which does not fit to what is stored any more.
func (w *writer) short(ctx context.Context, group []*task) (stale map[*task]bool, err error) {
	var runs []domain.RunID
	for _, t := range group {
		if t.writes() {
			runs = append(runs, t.source.Run())
		}
	}
	if len(runs) == 0 || w.options.DryRun {
		return nil, nil
	}
	stale = map[*task]bool{}
	err = w.store.Update(ctx, func(tx Tx) error {
		locked, err := w.lock(tx, runs)
		if err != nil {
			return err
		}
		var current []*task
		for _, t := range group {
			switch {
			case !t.writes():
			case t.stands(locked):
				current = append(current, t)
			default:
				stale[t] = true
			}
		}
		return apply(tx, current)
	})
	if err != nil {
		return nil, err // and the rows may be written once more
	}
	for _, t := range group {
		if t.writes() {
			recycle(t.rows)
		}
	}
	return stale, nil
}

// lock locks runs. A store that a newer program has written is left alone. Runs of older
// versions stand beside those of now until a rebuild replaces them: the rows that any one
// run has of a projection are of one version.
func (w *writer) lock(tx Tx, runs []domain.RunID) (map[domain.RunID]Checkpoint, error) {
	locked, err := tx.Lock(runs)
	if err != nil {
		return nil, err
	}
	versions, err := tx.Versions()
	if err != nil {
		return nil, err
	}
	missing, err := projections.Missing(w.store.Projections().Stored(), versions)
	if err == nil && len(missing) > 0 {
		err = tx.Register()
	}
	return locked, err
}

// apply writes work of which all rows are there.
func apply(tx Tx, group []*task) error {
	if err := makeRoom(tx, group); err != nil {
		return err
	}
	for _, t := range group {
		if err := tx.Insert(t.rows); err != nil {
			return err
		}
		if err := tx.SetCheckpoint(t.source.Run(), t.next); err != nil {
			return err
		}
	}
	return nil
}

// makeRoom removes the rows that are to be replaced.
func makeRoom(tx Tx, group []*task) error {
	runs, tables := map[string][]domain.RunID{}, map[string][]*projections.Definition{}
	for _, t := range group {
		if !t.continues {
			id := projections.ID(t.tables)
			runs[id], tables[id] = append(runs[id], t.source.Run()), t.tables
		}
	}
	for id := range runs {
		if err := tx.Clear(runs[id], tables[id]); err != nil {
			return err
		}
	}
	return nil
}

// errStale ends a transaction whose work does not fit to what is stored.
var errStale = errors.New("the run was written by somebody else")

// errUnchanged ends a transaction that would change nothing.
var errUnchanged = errors.New("nothing has changed")

// long writes work whose rows come one batch after the other, in a transaction
// of its own.
func (w *writer) long(ctx context.Context, t *task) (stale map[*task]bool, err error) {
	defer t.abandon()
	err = w.store.Update(ctx, func(tx Tx) error {
		locked, err := w.lock(tx, []domain.RunID{t.source.Run()})
		if err != nil {
			return err
		}
		if !t.stands(locked) {
			return errStale
		}
		return w.stream(tx, t)
	})
	var failed *foldError
	switch {
	case errors.Is(err, errStale):
		return map[*task]bool{t: true}, nil
	case errors.Is(err, errUnchanged):
		return nil, nil
	case errors.As(err, &failed) && ctx.Err() == nil:
		t.skip(failed.err)
		return nil, nil
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return nil, err
}

// foldError is an error of the stream, and not of the store.
type foldError struct{ err error }

func (e *foldError) Error() string { return e.err.Error() }

// stream writes batches as they come.
func (w *writer) stream(tx Tx, t *task) error {
	if err := makeRoom(tx, []*task{t}); err != nil {
		return err
	}
	for rows := t.rows; rows != nil; rows = <-t.more {
		err := tx.Insert(rows)
		recycle(rows)
		if err != nil {
			return err
		}
	}
	switch {
	case errors.Is(t.err, errRewritten): // since it was compared
		return errStale
	case t.err != nil:
		return &foldError{t.err}
	case t.result.Outcome == Unchanged:
		return errUnchanged
	}
	return tx.SetCheckpoint(t.source.Run(), t.next)
}
