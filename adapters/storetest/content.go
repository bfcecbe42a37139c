package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

type (
	definition = *projections.Definition
	anyRow     = projections.AnyRow
)

// content is everything stored of one run, with the rows of each table in the order of their
// positions.
type content struct {
	id         domain.RunID
	checkpoint projections.Null[store.Checkpoint]
	tables     map[definition]projections.Rows
	// stream is the kept stream, read or expected; nil if there is none, or if it does not matter.
	stream []byte
}

func nothing(run domain.RunID) *content {
	return &content{id: run, tables: map[definition]projections.Rows{}}
}

// of returns the rows of a table, for reading only.
func (c *content) of(table definition) projections.Rows {
	if rows := c.tables[table]; rows != nil {
		return rows
	}
	return table.NewRows()
}

// list returns the rows of a table, for adding rows.
func (c *content) list(table definition) projections.Rows {
	if c.tables[table] == nil {
		c.tables[table] = table.NewRows()
	}
	return c.tables[table]
}

// add appends a row, which the caller fills in.
func (c *content) add(table definition, final bool) projections.Ref {
	ref := c.list(table).New(c.of(table).Len(), final)
	table.SetRun(ref, c.id)
	return ref
}

// run returns the run's own row, which must exist.
func (c *content) run() *store.Run {
	return projections.RunTable.At(c.of(projections.RunTable.Definition).At(0).Value)
}

func (c *content) clone() *content {
	clone := &content{c.id, c.checkpoint, maps.Clone(c.tables), c.stream}
	for of, rows := range c.tables {
		clone.tables[of] = rowsWhere(of, rows, func(anyRow) bool { return true })
	}
	return clone
}

// rowsWhere returns copies of some rows.
func rowsWhere(of definition, rows projections.Rows, is func(anyRow) bool) projections.Rows {
	some := of.NewRows()
	for i := range rows.Len() {
		if is(rows.At(i)) {
			some.Add(rows.At(i))
		}
	}
	return some
}

// where returns the content with copies of some of its rows.
func (c *content) where(is func(definition, anyRow) bool) *content {
	some := c.clone()
	for of, rows := range some.tables {
		some.tables[of] = rowsWhere(of, rows, func(row anyRow) bool { return is(of, row) })
	}
	return some
}

// without returns the content without its checkpoint and the rows of some tables.
func (c *content) without(tables ...definition) *content {
	left := c.where(func(of definition, _ anyRow) bool { return !slices.Contains(tables, of) })
	left.checkpoint.Valid = false
	return left
}

// rows returns the rows as they are written. For a run that is continued, stored is its previous
// content.
func (c *content) rows(stored *content) *store.Rows {
	rows := &store.Rows{RunID: c.id, Continued: stored != nil}
	for of, list := range c.clone().tables {
		t := store.TableRows{Of: of, Rows: list}
		if stored != nil {
			t.Stored = stored.of(of).Len()
		}
		rows.Tables = append(rows.Tables, t)
	}
	return rows
}

// insert writes the content into a store that has nothing of the run.
func (c *content) insert(tx store.Tx) error {
	if err := tx.Insert(c.rows(nil)); err != nil {
		return err
	}
	if !c.checkpoint.Valid {
		return nil
	}
	checkpoint := c.checkpoint.V
	if checkpoint.Kept = c.stream != nil && tx.Keeps(); checkpoint.Kept {
		if err := tx.Keep(c.id, 0, c.stream); err != nil {
			return err
		}
	}
	return tx.SetCheckpoint(c.id, checkpoint)
}

// readContent reads the content of a run from a snapshot.
func readContent(run domain.RunID, of []definition, snapshot store.Snapshot) (*content, error) {
	c, err := nothing(run), error(nil)
	if c.checkpoint.V, c.checkpoint.Valid, err = snapshot.Checkpoint(); err != nil {
		return nil, wrap("the checkpoint", err)
	}
	for _, table := range of {
		if err := collect(snapshot.Rows(table), c.list(table)); err != nil {
			return nil, wrap(table.Table, err)
		}
	}
	return c, nil
}

func collect(rows iter.Seq2[anyRow, error], into projections.Rows) error {
	for row, err := range rows {
		if err != nil {
			return err
		}
		into.Add(row)
	}
	return nil
}

// anyState is expected where the saved state of a fold does not matter. Another law checks that a
// fold can continue from it.
const anyState = "any"

// differs returns an error that describes the difference from want.
func (c *content) differs(want *content) error {
	if want.checkpoint.V.State == anyState {
		c.checkpoint.V.State = anyState
	}
	var errs []error
	switch got, want := c.checkpoint, want.checkpoint; {
	case got.Valid && !want.Valid:
		errs = append(errs, fmt.Errorf("the checkpoint is there: %s", show(got.V)))
	case !got.Valid && want.Valid:
		errs = append(errs, fmt.Errorf("the checkpoint is missing: %s", show(want.V)))
	case got.Valid && !sameCheckpoint(got.V, want.V):
		errs = append(errs, fmt.Errorf("the checkpoint: %s", fields(got.V, want.V)))
	}
	if c.checkpoint.Valid && want.stream != nil && c.checkpoint.V.Kept != want.checkpoint.V.Kept {
		errs = append(errs, fmt.Errorf("whether the stream is kept: %t", c.checkpoint.V.Kept))
	}
	if want.stream != nil && c.stream != nil && !bytes.Equal(c.stream, want.stream) {
		errs = append(errs, fmt.Errorf("the kept stream is %q instead of %q", c.stream, want.stream))
	}
	for of := range c.tables {
		errs = append(errs, wrap(of.Table, rowsDiffer(of, c.of(of), want.of(of))))
	}
	return errors.Join(errs...)
}

// sameCheckpoint compares checkpoints, except for whether streams are kept.
func sameCheckpoint(a, b store.Checkpoint) bool {
	a.Kept, b.Kept = false, false
	return a == b
}

func rowsDiffer(of definition, got, want projections.Rows) error {
	for i := range max(got.Len(), want.Len()) {
		switch {
		case i >= got.Len():
			return fmt.Errorf("row %d of %d is missing: %s", i+1, want.Len(), show(of.Any(want.At(i).Value)))
		case i >= want.Len():
			return fmt.Errorf("row %d is one too many: %s", i+1, show(of.Any(got.At(i).Value)))
		case !sameRow(of, got.At(i), want.At(i)):
			return fmt.Errorf("row %d, final %t: index %d, final %t, %s", i+1, want.At(i).Final,
				got.At(i).Index, got.At(i).Final, fields(of.Any(got.At(i).Value), of.Any(want.At(i).Value)))
		}
	}
	return nil
}

func sameRow(of definition, a, b anyRow) bool {
	return a.Index == b.Index && a.Final == b.Final && of.Any(a.Value) == of.Any(b.Value)
}

// keyOf returns the key of a row in its table.
func keyOf(of definition, row anyRow) (key store.Key) {
	if of.ByPosition {
		return store.Key{{Name: "position", Value: int64(row.Index) + 1}}
	}
	for _, c := range of.Keys() {
		key = append(key, store.KeyColumn{Name: c.Name, Value: c.Value(row.Value)})
	}
	return key
}
