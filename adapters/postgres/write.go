package postgres

import (
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// outgoing is what a transaction is to do with a table. COPY only adds rows, so those that
// others replace are removed before, as are those that are cut off.
type outgoing struct {
	*table
	stale, cut places
	copyBuffer
}

// places are positions of rows.
type places struct {
	runs      []string
	positions []int64
}

func (p *places) add(run string, index int) {
	p.runs, p.positions = append(p.runs, run), append(p.positions, int64(index)+1)
}

// queue adds to batch a statement about the places. They are forgotten then.
func (p *places) queue(batch *pgx.Batch, statement string) {
	if len(p.runs) > 0 {
		batch.Queue(statement, p.runs, p.positions)
		*p = places{}
	}
}

// Insert adds rows, and replaces those that are there.
func (t *tx) Insert(rows *store.Rows) error {
	if err := t.insert(rows); err != nil {
		return fmt.Errorf("write rows of run %q: %w", rows.RunID, explainWrite(err))
	}
	return nil
}

// insert encodes rows, and sends what there is enough of.
func (t *tx) insert(rows *store.Rows) error {
	run := toText(string(rows.RunID))
	for _, part := range rows.Tables {
		out := t.copier.table(part.Of)
		for i := range part.Len() {
			row := part.At(i)
			if row.Index < part.Stored {
				out.stale.add(run, row.Index)
			}
			out.row(run, part.Of, row)
		}
	}
	t.unsent[rows.RunID] = true
	if !t.copier.full() {
		return t.copier.err
	}
	if err := t.removeStale(); err != nil {
		return err
	}
	return t.copier.sendFull()
}

// Truncate removes the rows of a run whose index is length or more.
func (t *tx) Truncate(run domain.RunID, table *projections.Definition, length int) error {
	if err := t.settle(run); err != nil {
		return fmt.Errorf("remove rows of run %q: %w", run, explainWrite(err))
	}
	t.copier.table(table).cut.add(toText(string(run)), length)
	return nil
}

// settle sends all rows, if some are not sent that belong to one of runs: those are to be
// removed.
func (t *tx) settle(runs ...domain.RunID) error {
	for _, run := range runs {
		if t.unsent[run] {
			return t.flush()
		}
	}
	return nil
}

// flush sends all rows, and waits until the server has them.
func (t *tx) flush() error {
	if err := t.removeStale(); err != nil {
		return err
	}
	clear(t.unsent)
	return t.copier.flush()
}

// removeStale removes what is replaced by rows that are to be sent.
func (t *tx) removeStale() error {
	var batch pgx.Batch
	for i := range t.copier.tables {
		out := &t.copier.tables[i]
		out.stale.queue(&batch, out.remove)
		out.cut.queue(&batch, out.removeFrom)
	}
	if err := t.send(&batch); err != nil {
		return fmt.Errorf("remove what is replaced: %w", err)
	}
	return nil
}
