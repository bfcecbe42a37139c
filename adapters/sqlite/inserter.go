package sqlite

import (
	"context"
	"database/sql"
	"sync/atomic"

	"github.com/quire-ci/quire-project/projections/store"
)

// inserter collects rows and inserts many with one statement. A goroutine inserts full
// batches while the next rows are collected.
type inserter struct {
	ctx     context.Context // without cancellation, because statements are short
	session *session
	last    *table            // the table whose rows are inserted after all others
	pending map[*table]*batch // batches that are not full

	full  chan *batch // to the goroutine; nil while none is running
	spare chan *batch // back from it
	ended chan error
	// failed says that the goroutine had an error; ended returns it.
	failed atomic.Bool
	// err is the first error. It ends the transaction.
	err error
}

// ahead is how many batches may wait for the goroutine.
const ahead = 8

func newInserter(ctx context.Context, session *session, last *table) *inserter {
	return &inserter{
		ctx: context.WithoutCancel(ctx), session: session, last: last,
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

// add adds a row of a run to a table. appendRow appends the arguments of the row without the
// run's id.
func (i *inserter) add(t *table, run any, appendRow func(args []any, text *int) []any) error {
	b := i.pending[t]
	switch {
	case b == nil:
		b = i.newBatch()
		b.reset(t, run)
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
	case t == i.last:
		return i.flush()
	default:
		i.start(b)
		delete(i.pending, t)
	}
	return i.err
}

func (i *inserter) newBatch() *batch {
	select {
	case b := <-i.spare:
		return b
	default:
		return &batch{}
	}
}

// start gives a batch to the goroutine. After an error it drops the batch, because the
// transaction has ended.
func (i *inserter) start(b *batch) {
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

// run inserts full batches up to the first error.
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

// wait ends the goroutine after it has inserted its batches.
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

// flush inserts all collected rows, and the checkpoints last: on a connection with
// recursive_triggers, replacing a row deletes the checkpoint of its run.
func (i *inserter) flush() error {
	i.wait()
	last := i.pending[i.last]
	delete(i.pending, i.last)
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

// insert inserts the rows of a batch, and overwrites its arguments.
func (s *session) insert(ctx context.Context, b batch) error {
	for b.rows > 0 {
		part := b.first(portion(b.rows))
		prepared, err := s.prepare(ctx, part.statement)
		if err != nil {
			return err
		}
		if _, err := prepared.ExecContext(ctx, part.args...); err != nil {
			return err
		}
		b.skip(part.rows)
	}
	return nil
}

func (s *session) prepare(ctx context.Context, which statement) (*sql.Stmt, error) {
	if prepared := s.statements[which]; prepared != nil {
		return prepared, nil
	}
	prepared, err := s.conn.PrepareContext(ctx, which.sql())
	if err == nil {
		s.statements[which] = prepared
	}
	return prepared, err
}
