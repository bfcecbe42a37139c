package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/quire-ci/quire-project/projections/store"
)

// beginQuery begins a transaction that writes.
//
// It says that it is the store's, which the triggers that make checkpoints
// void look for.
//
// It does not wait until its commit is on the disk, unless it has to: should
// the server crash, the last half second of commits may be gone, each as a
// whole, rows and checkpoint. The database is consistent, and the runs are
// brought up to their streams again.
func beginQuery(durable bool) string {
	commit := "off"
	if durable {
		commit = "on"
	}
	return `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL quire_project.writer = 'store'; ` + indexPlans + `; SET LOCAL synchronous_commit = ` + commit
}

// rollbackTime is how long a transaction that failed may take to go.
const rollbackTime = 5 * time.Second

// Update lets do write in one transaction.
//
// The server is told of a deadline, too: should this computer be gone then, with its
// power or its network, the server would find out after hours, and the transaction would
// keep its runs locked for as long.
func (s *Store) Update(ctx context.Context, do func(store.Tx) error) error {
	begin := s.begin
	if deadline, ok := ctx.Deadline(); ok {
		begin += fmt.Sprintf("; SET LOCAL idle_in_transaction_session_timeout = %d", max(1, time.Until(deadline).Milliseconds()))
	}
	pg, err := s.pool.BeginTx(ctx, pgx.TxOptions{BeginQuery: begin})
	if err != nil {
		return fmt.Errorf("begin to write: %w", explainWrite(err))
	}
	t := newTx(ctx, s, pg)
	committed := false
	defer func() {
		if !committed { // do may have panicked
			t.rollback()
		}
	}()
	if err := do(t); err != nil {
		return err
	}
	if err := t.commit(); err != nil {
		return fmt.Errorf("write the rows: %w", explainWrite(err))
	}
	committed = true
	return nil
}

// rollback undoes everything. It does so if the context is what ended the
// transaction, too: what is not rolled back keeps its locks.
func (t *tx) rollback() {
	_ = t.copier.wait() // whoever rolls back has an error already
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), rollbackTime)
	defer cancel()
	_ = t.pg.Rollback(ctx)
}
