package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

const anyChange = "however a stream changes, and however it is read, the rows are those of its record"

var ingestLaws = []law{
	rarely(anyChange, anyChanges),
	property("unchanged rows are not written again", unchangedStay),
	property("only the requested tables are derived again", derivedTables),
	thorough("reading continues at any byte", readOnFromBytes),
	thorough("a long stream is written in batches", longStreams),
	example("an unreadable stream does not change rows", unreadable),
	example("reads report unknown runs", readNothing),
}

// anyChanges lets a stream stay, grow or be replaced, and ingests it each time: as a stream that
// may know its end, as a pipe, with other options for reading, or as a dry run.
func anyChanges(t *trial) {
	whole := t.stream("stream")
	r := record(t.run("a"), t.prefixOf(whole))
	var before []byte // the stored stream; nil if there is none
	for i := range 2 + t.upTo(3, "changes") {
		if before != nil {
			r.is(t.next(before, whole))
		}
		r.vague, r.once = t.flip("vague"), false
		switch way := pick(t, "way", "ingest", "ingest", "lines", "lines", "pipe", "otherwise", "dry run"); {
		case way == "dry run":
			t.dryRun(r, before)
			continue
		case way == "pipe":
			r.once = true
			value(store.Ingest(t.ctx, t.store, r, store.Options{}))
			must(t.agree(r))
		case way == "otherwise" && before != nil:
			r.reading = fmt.Sprint("otherwise ", i)
			want := store.Derived
			if !bytes.HasPrefix(r.bytes(), before[:wholeLines(before)]) { // the dry run must report it
				want = store.Rewritten
			}
			must(t.ingests(r, store.Options{}, want))
		default:
			now := r.bytes()
			for end := range now { // line by line
				if way == "lines" && now[end] == '\n' && len(before) <= end {
					r.is(now[:end+1])
					t.ingest(r, before)
					before = r.bytes()
				}
			}
			r.is(now)
			t.ingest(r, before)
		}
		before = append([]byte{}, r.bytes()...) // not nil, even if empty
	}
	if before != nil {
		r.is(before)
		t.readsAs(r)
	}
}

// next draws the next state of a stream: it may stay, become another prefix of the whole one, or
// its incomplete last line may grow or change.
func (t *trial) next(stream, whole []byte) []byte {
	more := []byte(pick(t, "more", "\n", " \n", "\r\n", "0", "x", "x\n", `{"at_ms":1}`, "\n\n"))
	switch pick(t, "change", "none", "other", "grows", "grows", "cut", "line goes on", "another line") {
	case "none":
		return stream
	case "grows":
		if grown := t.prefixOf(whole); len(grown) > len(stream) {
			return grown
		}
		return whole
	case "cut":
		return bytes.TrimSuffix(t.prefixOf(stream), []byte("\n"))
	case "line goes on":
		return slices.Concat(stream, more)
	case "another line":
		return slices.Concat(stream[:wholeLines(stream)], more)
	}
	return t.otherThan(stream)
}

// dryRun checks that a dry run reports the outcome and changes no rows.
func (t *trial) dryRun(r *recording, before []byte) {
	want := nothing(r.run)
	if before != nil {
		want = value(t.read(r.run))
	}
	result := value(store.Ingest(t.ctx, t.store, r, store.Options{DryRun: true}))
	outcomes := outcomesOf(before, r.bytes())
	failIf(!slices.Contains(outcomes, result.Outcome), "a dry run says %q, not %q", result.Outcome, outcomes)
	must(t.holds(want))
}

// ingest ingests a recording and checks the result and the rows. before is the stored stream; nil
// if the run is not stored.
func (t *trial) ingest(r *recording, before []byte) {
	counting := &faulty{Store: t.store}
	result, err := store.Ingest(t.ctx, counting, r, store.Options{})
	if err != nil {
		must(wrap("store.Ingest", err))
		return
	}
	if outcomes := outcomesOf(before, r.bytes()); !slices.Contains(outcomes, result.Outcome) {
		failf("store.Ingest says %q, not %q, of\n%+q\nbehind\n%+q", result.Outcome, outcomes, r.bytes(), before)
	}
	failIf(before != nil && bytes.Equal(before, r.bytes()) && !r.vague && counting.updates.Load() > 0, "what is up to date is written")
	if err := t.agree(r); err != nil {
		failf("%w\nin %+q\nbehind %+q", err, r.bytes(), before)
	}
}

// ingests ingests a recording, and returns an error if its outcome or its rows differ.
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

// outcomesOf returns the outcomes that Ingest may report for a stream that was different before. If
// only an incomplete last line has changed, Ingest may also report that the stream has grown.
func outcomesOf(before, now []byte) []store.Outcome {
	switch {
	case before == nil:
		return []store.Outcome{store.Added}
	case bytes.Equal(before, now):
		return []store.Outcome{store.Unchanged}
	case bytes.HasPrefix(now, before):
		return []store.Outcome{store.Continued}
	case bytes.HasPrefix(now, before[:wholeLines(before)]):
		return []store.Outcome{store.Continued, store.Rewritten}
	}
	return []store.Outcome{store.Rewritten}
}

// ingestAll ingests the versions of a stream in turn.
func (t *trial) ingestAll(versions ...[]byte) *recording {
	r := record(t.run("a"), nil)
	var before []byte
	for _, version := range versions {
		r.is(version)
		t.ingest(r, before)
		before = append([]byte{}, version...) // not nil, even if empty
	}
	return r
}

// readsAs compares what the reading functions return for a stream with its record.
func (t *trial) readsAs(r *recording) {
	want, err := projections.Project(r.run, jsonl.NewReader(bytes.NewReader(r.bytes()), jsonl.Options{OnMalformed: jsonl.Skip}))
	must(err)
	got := value(store.ReadRecord(t.ctx, t.store, r.run))
	failIf(!reflect.DeepEqual(got, want), "ReadRecord returns\n%s, not\n%s", show(*got), show(*want))
	t.readsAgree(want)
}

// readsAgree compares the other reading functions with a record.
func (t *trial) readsAgree(want *projections.Record) {
	run := want.Run.RunID
	row := value(store.ReadRun(t.ctx, t.store, run))
	failIf(row != (store.Run{Run: want.Run, RunTiming: want.Timings.Run}), "ReadRun returns %s", show(row))
	must(errors.Join(
		readAgrees(t, run, projections.LabelRows, want.Labels), readAgrees(t, run, projections.Jobs, want.Jobs),
		readAgrees(t, run, projections.ShEvents, want.ShEvents), readAgrees(t, run, projections.JobTimings, want.Timings.Jobs),
		readAgrees(t, run, projections.Diagnostics, want.Diagnostics),
		readAgrees(t, run, projections.RunTable, []store.Run{{Run: want.Run, RunTiming: want.Timings.Run}})))
}

func readAgrees[R comparable](t *trial, run domain.RunID, of *projections.Defined[R], want []R) error {
	got, err := store.Read(t.ctx, t.store, of, run)
	if err == nil && !slices.Equal(got, want) {
		err = fmt.Errorf("store.Read of %s returns %s, not %s", of.Name, show(got), show(want))
	}
	return err
}

// unchangedStay counts the rows that are written when a stream has grown by whole lines.
func unchangedStay(t *trial) {
	stream := t.stream("stream")
	cut := t.prefixOf(stream)
	r := record(t.run("a"), cut[:wholeLines(cut)])
	t.ingest(r, nil)
	before := r.derived()
	lines := bytes.Count(stream, []byte("\n")) - bytes.Count(r.bytes(), []byte("\n"))
	r.is(stream)
	all := r.derived()
	result := value(store.Ingest(t.ctx, t.store, r, store.Options{}))
	// An event need not change the rows of what it names; and for a projection that does not depend
	// on jobs or commands, all rows are written again.
	least, most := 0, 0
	for _, of := range t.of {
		changed := rowsWhere(of, all.of(of), func(row anyRow) bool {
			return row.Index >= before.of(of).Len() || !sameRow(of, row, before.of(of).At(row.Index))
		}).Len()
		least += changed
		switch {
		case of == retries.Definition:
			most += all.of(of).Len()
		case of.Single:
			most++
		default:
			most += changed + lines + 1
		}
	}
	failIf(result.Outcome != store.Unchanged && (result.Rows < least || result.Rows > most), "%d rows were written, where %d are new or have changed, and %d may have, in %d lines", result.Rows, least, most, lines)
	must(t.agree(r))
}

// derivedTables starts with a wrong value in each row of each table.
func derivedTables(t *trial) {
	r := record(t.run("a"), t.stream("stream"))
	right := r.derived()
	want := r.derived()
	want.distort()
	must(t.write(want))
	tables := t.tables()
	if len(tables) == 0 || len(tables) == len(t.of) {
		return
	}
	value(store.Ingest(t.ctx, t.store, r, store.Options{Tables: tables}))
	for _, of := range tables {
		want.tables[of] = right.of(of)
	}
	must(t.holds(want))
}

// distort changes a value in each row, except for keys.
func (c *content) distort() {
	for of, rows := range c.tables {
		for i := range of.Columns {
			if column := &of.Columns[i]; !column.Key {
				for j := range rows.Len() {
					change(column, rows.At(j).Value)
				}
				break
			}
		}
	}
}

// change gives a row a value that no untampered row has.
func change(c *projections.Column, row projections.Ref) {
	switch {
	case c.Nullable && c.IsNull(row):
		set(c, row, zeroOf(c))
	case c.Nullable:
		set(c, row, nil)
	case c.Values != nil:
		at := slices.Index(c.Values, c.Text(row))
		set(c, row, c.Values[(at+1)%len(c.Values)])
	case c.Type == projections.Text:
		set(c, row, c.Text(row)+"\x00nobody's")
	case c.Type == projections.Bool:
		set(c, row, !c.Bool(row))
	case c.Int(row) > 0:
		set(c, row, c.Int(row)-1)
	default:
		set(c, row, c.Int(row)+1)
	}
}

func readOnFromBytes(t *trial) {
	var stream []byte
	for _, event := range []domain.Event{
		domain.NewJobStarted(1, "a"), domain.NewShStarted(2, "a", "é"), domain.NewShFinished(3, "a", 10), domain.NewJobFinished(4, "a", domain.Failed),
	} {
		stream = appendLine(stream, domain.Entry{Event: event})
	}
	var versions [][]byte
	for end := range len(stream) + 1 {
		versions = append(versions, stream[:end])
	}
	t.ingestAll(versions...)
}

// longStreams makes a stream of several batches grow, and be replaced. When the stream turns out to
// be the same, rows have been written already: if its last line is incomplete, all rows are
// derived.
func longStreams(t *trial) {
	stream := longStream(110)
	changed := bytes.TrimSuffix(slices.Clone(stream), []byte("\n"))
	changed[bytes.IndexByte(changed, '0')] = '7'
	r := t.ingestAll(stream[:wholeLines(stream[:len(stream)/2])], stream, stream[:len(stream)-10], changed)
	r.vague = true
	t.ingest(r, changed)
	t.readsAs(r)
}

// unreadable has a malformed line that is not skipped: early, or after so many lines that rows have
// been written.
func unreadable(t *trial) {
	for name, stream := range map[string][]byte{"short": longStream(1), "long": longStream(95)} {
		r := record(t.run(name), longStream(3))
		t.ingest(r, nil)
		before := r.derived()
		r.is(append(stream, "malformed\n"...))
		r.malformed = jsonl.Stop
		result, err := store.Ingest(t.ctx, t.store, r, store.Options{})
		var malformed *jsonl.MalformedError
		failIf(!errors.As(err, &malformed) || result.Outcome != store.Skipped, "%s: Ingest says %q, %v", name, result.Outcome, err)
		must(wrap(name, t.holds(before)))
	}
}

func readNothing(t *trial) {
	run := t.run("not there")
	_, asRun := store.ReadRun(t.ctx, t.store, run)
	_, asJobs := store.Read(t.ctx, t.store, projections.Jobs, run)
	_, asRecord := store.ReadRecord(t.ctx, t.store, run)
	for _, err := range []error{asRun, asJobs, asRecord} {
		failIf(!errors.Is(err, store.ErrNoRun), "a read returns %v, not %w", err, store.ErrNoRun)
	}
}
