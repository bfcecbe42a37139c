package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// tx is a transaction that keeps everybody else from writing.
type tx struct {
	store    *Store
	ctx      context.Context
	session  *session
	inserter *inserter
}

// Lock returns the checkpoints. The lock is that of the transaction.
func (t *tx) Lock(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	return t.store.dialect.Checkpoints(t.ctx, t.session.conn, runs)
}

func (t *tx) Versions() (map[string]int, error) {
	return t.store.dialect.Versions(t.ctx, t.session.conn)
}

func (t *tx) Register() error {
	for _, of := range t.store.dialect.Set.Stored() {
		err := t.session.exec(t.ctx, `UPDATE quire_project_projections SET version = max(version, ?2) WHERE name = ?1`, of.Name, of.Version)
		if err != nil {
			return t.store.fail("register the projections", err)
		}
	}
	return nil
}

func (t *tx) Clear(runs []domain.RunID, tables []*projections.Definition) error {
	queries := []string{`DELETE FROM checkpoints WHERE run_id IN %s`}
	for _, of := range tables {
		queries = append(queries, fmt.Sprintf(`DELETE FROM %q WHERE run_id IN %%s`, of.Table))
	}
	return t.remove(runs, queries)
}

func (t *tx) Truncate(run domain.RunID, table *projections.Definition, length int) error {
	if err := t.flush(); err != nil {
		return err
	}
	err := t.session.exec(t.ctx, fmt.Sprintf(`DELETE FROM %q WHERE run_id = ?1 AND position > ?2`, table.Table), string(run), int64(length))
	if err != nil {
		t.inserter.err = t.store.fail("remove rows", err)
	}
	return t.inserter.err
}

// maxList is how many runs a list has at most.
const maxList = 500

// remove runs statements that remove rows.
func (t *tx) remove(runs []domain.RunID, queries []string) error {
	if err := t.flush(); err != nil {
		return err
	}
	for runs := range slices.Chunk(runs, maxList) {
		list, args := placeholders(runs)
		for _, query := range queries {
			if err := t.session.exec(t.ctx, fmt.Sprintf(query, list), args...); err != nil {
				t.inserter.err = t.store.fail("remove rows", err)
				return t.inserter.err
			}
		}
	}
	return nil
}

func placeholders(runs []domain.RunID) (list string, args []any) {
	for _, run := range runs {
		args = append(args, string(run))
	}
	return "(?" + strings.Repeat(",?", len(runs)-1) + ")", args
}

func (t *tx) Insert(rows *store.Rows) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	run := any(string(rows.RunID))
	for _, part := range rows.Tables {
		if err := t.inserter.rows(t.store.tables[part.Of], run, part); err != nil {
			return t.store.fail("insert rows", err)
		}
	}
	return t.store.fail("insert rows", t.inserter.err)
}

func (t *tx) SetCheckpoint(run domain.RunID, checkpoint store.Checkpoint) error {
	err := t.inserter.add(checkpoints, any(string(run)), func(args []any, _ *int) []any { return appendCheckpoint(args, &checkpoint) })
	return t.store.fail("set a checkpoint", err)
}

func (t *tx) flush() error { return t.store.fail("insert rows", t.inserter.flush()) }
