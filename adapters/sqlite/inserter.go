package sqlite

import (
	"context"
	"sync/atomic"

	"github.com/quire-ci/quire-project/projections/store"
)

// inserter collects rows and inserts many with one statement. Where there are
// many, a goroutine inserts some while the next are collected.
type inserter struct {
	ctx     context.Context // that no one cancels: a statement is short
	session *session
	pending map[*table]*batch // that are not full

	full  chan *batch // to the goroutine; nil while there is none
	spare chan *batch // back from it
	ended chan error
	// failed is set when the goroutine has met an error, which ended tells.
	failed atomic.Bool
	// err is the first error: a transaction that lacks rows is of no use.
	err error
}

// ahead is how many batches may wait for the goroutine.
const ahead = 8

func newInserter(ctx context.Context, session *session) *inserter {
	return &inserter{
		ctx: context.WithoutCancel(ctx), session: session,
		pending: map[*table]*batch{}, spare: make(chan *batch, ahead),
	}
}

// rows adds rows of a run to a table.
func (i *inserter) rows(t *tables, run any, rows store.TableRows) error {
	for n := range rows.Len() {
		row := rows.At(n)
		err := i.add(t.way(row, rows.Stored), run, func(args []any, text *int) []any { return t.append(args, row, text) })
		if err != nil {
			return err
		}
	}
	return nil
}

// add adds a row of a run to a table. appendRow appends its arguments, without the run's
// id.
func (i *inserter) add(t *table, run any, appendRow func(args []any, text *int) []any) error {
	b := i.pending[t]
	switch {
	case b == nil:
		b = i.fresh()
		b.begin(t, run)
		i.pending[t] = b
	case !b.mixed && b.args[0] != run:
		b.mix()
	}
	if b.mixed {
		b.args = append(b.args, run)
	}
	b.args = appendRow(b.args, &b.text)
	switch b.rows++; {
	case !b.full():
	case t == checkpoints:
		return i.flush()
	default:
		i.hand(b)
		delete(i.pending, t)
	}
	return i.err
}

func (i *inserter) fresh() *batch {
	select {
	case b := <-i.spare:
		return b
	default:
		return &batch{}
	}
}

// hand hands a batch to the goroutine. After an error there is no transaction
// any more that it could be part of.
func (i *inserter) hand(b *batch) {
	if i.err != nil {
		return
	}
	if i.full == nil {
		i.full, i.ended = make(chan *batch, ahead), make(chan error, 1)
		go i.run(i.full, i.ended)
	}
	i.full <- b
	if i.failed.Load() {
		i.wait()
	}
}

// run inserts what it is handed, up to the first error.
func (i *inserter) run(full <-chan *batch, ended chan<- error) {
	var err error
	for b := range full {
		if err == nil {
			if err = i.session.insert(i.ctx, *b); err != nil {
				i.failed.Store(true)
			}
		}
		select {
		case i.spare <- b:
		default:
		}
	}
	ended <- err
}

// wait ends the goroutine, once it is through with what it was handed.
func (i *inserter) wait() {
	if i.full == nil {
		return
	}
	close(i.full)
	i.full = nil
	if err := <-i.ended; i.err == nil {
		i.err = err
	}
}

// flush inserts all rows that were collected, the checkpoints last: in a connection with
// recursive_triggers a row that is replaced takes that of its run with it.
func (i *inserter) flush() error {
	i.wait()
	last := i.pending[checkpoints]
	delete(i.pending, checkpoints)
	for t, b := range i.pending {
		delete(i.pending, t)
		i.insert(b)
	}
	i.insert(last)
	return i.err
}

func (i *inserter) insert(b *batch) {
	if b != nil && i.err == nil {
		i.err = i.session.insert(i.ctx, *b)
	}
}
