package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

var deriveLaws = []law{
	property("another way of reading derives the rows again", otherReading),
	property("rows are derived again when that is asked for", derivedByForce),
	property("only the tables that are asked for are derived again", derivedTables),
	property("a dry run writes nothing", dryRun),
	example("rows of newer reducers are left alone", newerReducers),
}

func otherReading(t *trial) error {
	r := record(t.run("a"), t.stream("stream"))
	if err := t.ingest(r, nil); err != nil {
		return err
	}
	r.reading = "otherwise"
	before, want := r.bytes(), store.Derived
	if t.flip("another stream") { // which is told, as ever
		r.is(t.otherThan(before))
		if !bytes.HasPrefix(r.bytes(), before[:wholeLines(before)]) {
			want = store.Rewritten
		}
	}
	return t.ingests(r, store.Options{}, want)
}

// derives takes a recording in whose rows are to be derived again.
func (t *trial) derives(r *recording, options store.Options) error {
	return t.ingests(r, options, store.Derived)
}

// ingests takes a recording in, of which that is to come.
func (t *trial) ingests(r *recording, options store.Options, want store.Outcome) error {
	result, err := store.Ingest(t.ctx, t.store, r, options)
	if err != nil {
		return err
	}
	if result.Outcome != want {
		return fmt.Errorf("store.Ingest says %q, not %q", result.Outcome, want)
	}
	return t.agree(r)
}

// derivedByForce has rows that are wrong though the checkpoint is right.
func derivedByForce(t *trial) error {
	r := record(t.run("a"), t.stream("stream"))
	wrong, err := t.wrong(r)
	if err != nil {
		return err
	}
	if _, err := store.Ingest(t.ctx, t.store, r, store.Options{}); err != nil {
		return err
	}
	if err := t.holds(wrong); err != nil {
		return fmt.Errorf("rows were derived again, and nobody has asked for it: %w", err)
	}
	return t.derives(r, store.Options{Force: true})
}

// wrong stores rows that are not those of the recording, with its checkpoint.
func (t *trial) wrong(r *recording) (*content, error) {
	right, err := r.derived()
	if err != nil {
		return nil, err
	}
	wrong := t.content(r.run)
	wrong.checkpoint = right.checkpoint
	return wrong, t.write(wrong)
}

// derivedTables has a wrong value in each row of each table.
func derivedTables(t *trial) error {
	r := record(t.run("a"), t.stream("stream"))
	right, err := r.derived()
	if err != nil {
		return err
	}
	want, err := r.derived()
	if err != nil {
		return err
	}
	want.distort()
	if err := t.write(want); err != nil {
		return err
	}
	tables := t.tables()
	if tables == 0 {
		tables = store.TableShEvents // for 0 means all
	}
	if tables == store.AllTables {
		return nil
	}
	if _, err := store.Ingest(t.ctx, t.store, r, store.Options{Tables: tables}); err != nil {
		return err
	}
	want.take(right, tables)
	return t.holds(want)
}

// distort changes a value in each row, but no key.
func (c *content) distort() {
	c.row.V.Events += 7
	c.row.V.StartedAtMs = changed(c.row.V.StartedAtMs)
	for i := range c.jobs {
		c.jobs[i].Value.ExitCode = changed(c.jobs[i].Value.ExitCode)
	}
	for i := range c.shEvents {
		c.shEvents[i].Value.Cmd += "\x00"
	}
	for i := range c.timings {
		c.timings[i].Value.GapMs = changed(c.timings[i].Value.GapMs)
	}
	for i := range c.diagnostics {
		c.diagnostics[i].Value.Line++
	}
}

// take takes over tables from another content of the run.
func (c *content) take(other *content, tables store.Tables) {
	if tables.Has(store.TableRuns) {
		c.row = other.row
	}
	if tables.Has(store.TableJobs) {
		c.jobs = other.jobs
	}
	if tables.Has(store.TableShEvents) {
		c.shEvents = other.shEvents
	}
	if tables.Has(store.TableTimings) {
		c.timings = other.timings
	}
	if tables.Has(store.TableDiagnostics) {
		c.diagnostics = other.diagnostics
	}
}

func dryRun(t *trial) error {
	r := record(t.run("a"), t.stream("stream"))
	before := []byte(nil)
	want := &content{id: r.run}
	if t.flip("stored") {
		if err := t.ingest(r, nil); err != nil {
			return err
		}
		before = append([]byte{}, r.bytes()...)
		var err error
		if want, err = r.derived(); err != nil {
			return err
		}
		r.is(t.otherThan(before))
	}
	result, err := store.Ingest(t.ctx, t.store, r, store.Options{DryRun: true})
	if err != nil {
		return err
	}
	if outcomes := outcomesOf(before, r.bytes()); !slices.Contains(outcomes, result.Outcome) {
		return fmt.Errorf("a dry run says %q, not %q", result.Outcome, outcomes)
	}
	return t.holds(want)
}

func newerReducers(t *trial) error {
	newer, r := plain(t.run("newer")), record(t.run("a"), longStream(2))
	newer.checkpoint.V.Reducers = projections.Version + 1
	if err := t.write(newer); err != nil {
		return err
	}
	_, err := store.Ingest(t.ctx, t.store, r, store.Options{})
	var reducers *store.ReducersError
	if !errors.As(err, &reducers) || reducers.Stored != projections.Version+1 {
		return fmt.Errorf("store.Ingest returns %v", err)
	}
	return t.holds(newer, &content{id: r.run})
}
