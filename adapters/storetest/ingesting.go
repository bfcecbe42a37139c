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

var ingestLaws = []law{
	property("a stream gives its record", givesRecord),
	example("the record of a long stream is given", longRecord),
	property("the same stream again changes nothing", sameAgain),
	property("a stream is found to be the same when it is read", sameWhenRead),
	example("a long stream is found to be the same when it is read", longSameWhenRead),
	property("a stream that has grown is read on", readOn),
	property("rows that were final are not written again", finalStay),
	example("a stream is read on from the end of any line", readOnFromLines),
	example("a stream is read on from any byte", readOnFromBytes),
	property("a last line without a line feed may go on otherwise", lineGoesOn),
	property("a stream that is another gives the rows of that", anotherStream),
	property("streams of several runs do not mix", severalRuns),
	property("a pipe replaces what was there", pipe),
	property("another way of reading derives the rows again", otherReading),
	property("rows are derived again when that is asked for", derivedByForce),
	property("only the tables that are asked for are derived again", derivedTables),
	property("a dry run writes nothing", dryRun),
	example("a long stream is written in batches", longStreams),
	example("a stream that cannot be read leaves the rows", unreadable),
	example("rows of newer reducers are left alone", newerReducers),
	example("what was not stored is told by reads", readNothing),
}

// ingest takes a recording in, and checks the result and the rows. before are
// the bytes that were taken in last, nil if the run is not stored.
func (t *trial) ingest(r *recording, before []byte) error {
	result, err := store.Ingest(t.ctx, t.store, r, store.Options{})
	if err != nil {
		return wrap("store.Ingest", err)
	}
	if outcomes := outcomesOf(before, r.bytes()); !slices.Contains(outcomes, result.Outcome) {
		return fmt.Errorf("store.Ingest says %q, not %q, of\n%+q\nbehind\n%+q", result.Outcome, outcomes, r.bytes(), before)
	}
	if err := t.agree(r); err != nil {
		return fmt.Errorf("%w\nin %+q\nbehind %+q", err, r.bytes(), before)
	}
	return nil
}

// outcomesOf returns what Ingest may say of a stream that was another before.
// Where only a last line is another that had not ended, it is the engine's
// choice whether the stream has grown.
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

// ingestAll takes in one version of a stream after the other.
func (t *trial) ingestAll(versions ...[]byte) error {
	r := record(t.run("a"), nil)
	var before []byte
	for _, version := range versions {
		r.is(version)
		if err := t.ingest(r, before); err != nil {
			return err
		}
		before = append([]byte{}, version...) // which is not nil
	}
	return nil
}

func givesRecord(t *trial) error { return t.recordOf(t.stream("stream")) }

func longRecord(t *trial) error { return t.recordOf(longStream(3)) }

func (t *trial) recordOf(stream []byte) error {
	r := record(t.run("a"), stream)
	if err := t.ingest(r, nil); err != nil {
		return err
	}
	want, err := projections.Project(r.run, jsonl.NewReader(bytes.NewReader(r.bytes()), jsonl.Options{OnMalformed: jsonl.Skip}))
	if err != nil {
		return err
	}
	got, err := store.ReadRecord(t.ctx, t.store, r.run)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("ReadRecord returns\n%s, not\n%s", show(*got), show(*want))
	}
	return t.readsAgree(want)
}

// readsAgree holds the other reads to a record.
func (t *trial) readsAgree(want *projections.Record) error {
	run := want.Run.RunID
	row, err := store.ReadRun(t.ctx, t.store, run)
	if err != nil {
		return err
	}
	if row != (store.Run{Run: want.Run, RunTiming: want.Timings.Run}) {
		return fmt.Errorf("ReadRun returns %s", show(row))
	}
	jobs, err := store.ReadJobs(t.ctx, t.store, run)
	if err != nil {
		return err
	}
	shEvents, err := store.ReadShEvents(t.ctx, t.store, run)
	if err != nil {
		return err
	}
	timings, err := store.ReadTimings(t.ctx, t.store, run)
	if err != nil {
		return err
	}
	diagnostics, err := store.ReadDiagnostics(t.ctx, t.store, run)
	if err != nil {
		return err
	}
	got := &projections.Record{Run: want.Run, Jobs: jobs, ShEvents: shEvents, Timings: timings, Diagnostics: diagnostics}
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("the reads return\n%s, not\n%s", show(*got), show(*want))
	}
	return nil
}

// sameAgain counts the transactions, of which there are none.
func sameAgain(t *trial) error {
	r := record(t.run("a"), t.stream("stream"))
	if err := t.ingest(r, nil); err != nil {
		return err
	}
	counting := &faulty{Store: t.store}
	result, err := store.Ingest(t.ctx, counting, r, store.Options{})
	if err != nil {
		return err
	}
	if result.Outcome != store.Unchanged || counting.updates.Load() > 0 {
		return fmt.Errorf("store.Ingest says %q, with %d transactions", result.Outcome, counting.updates.Load())
	}
	return t.agree(r)
}

func sameWhenRead(t *trial) error { return t.foundSame(t.stream("stream")) }

// longSameWhenRead finds out when rows have been written already: with a last
// line that has no line feed, all of them are derived.
func longSameWhenRead(t *trial) error {
	return t.foundSame(bytes.TrimSuffix(longStream(300), []byte("\n")))
}

func (t *trial) foundSame(stream []byte) error {
	r := record(t.run("a"), stream)
	if err := t.ingest(r, nil); err != nil {
		return err
	}
	r.vague = true
	return t.ingest(r, append([]byte{}, stream...))
}

// finalStay counts the rows that are written when a stream has grown by whole
// lines.
func finalStay(t *trial) error {
	stream := t.stream("stream")
	cut := t.prefixOf(stream)
	r := record(t.run("a"), cut[:wholeLines(cut)])
	if err := t.ingest(r, nil); err != nil {
		return err
	}
	stays, err := r.derived()
	if err != nil {
		return err
	}
	stays.reopen()
	r.is(stream)
	all, err := r.derived()
	if err != nil {
		return err
	}
	result, err := store.Ingest(t.ctx, t.store, r, store.Options{})
	if err != nil {
		return err
	}
	if want := all.rows().Len() - stays.rows().Len(); result.Rows != want && result.Outcome != store.Unchanged {
		return fmt.Errorf("%d rows were written, where %d are new or were open", result.Rows, want)
	}
	return t.agree(r)
}

func readOn(t *trial) error {
	stream := t.stream("stream")
	versions := [][]byte{stream}
	for range t.upTo(3, "cuts") {
		versions = append(versions, t.prefixOf(stream))
	}
	slices.SortFunc(versions, func(a, b []byte) int { return len(a) - len(b) })
	return t.ingestAll(versions...)
}

func readOnFromLines(t *trial) error {
	for seed := range 5 {
		stream := exampleStream(seed)
		var versions [][]byte
		for end := range stream {
			if stream[end] == '\n' {
				versions = append(versions, stream[:end+1])
			}
		}
		if err := t.ingestAll(append(versions, stream)...); err != nil {
			return err
		}
		if err := t.remove(t.runs...); err != nil {
			return err
		}
	}
	return nil
}

func readOnFromBytes(t *trial) error {
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
	return t.ingestAll(versions...)
}

// lineGoesOn has a last line that is an event already, though no line feed
// ends it, and may become another one, or none.
func lineGoesOn(t *trial) error {
	before := bytes.TrimSuffix(t.stream("stream"), []byte("\n"))
	more := pick(t, "more", "\n", " \n", "\r\n", "0", "x", "x\n", `{"at_ms":1}`, "\n\n")
	versions := [][]byte{before, slices.Concat(before, []byte(more))}
	if t.flip("instead") {
		versions[1] = append(slices.Clone(before[:wholeLines(before)]), more...)
	}
	last := versions[1]
	return t.ingestAll(append(versions, slices.Concat(last, t.stream("and more")))...)
}

func anotherStream(t *trial) error {
	versions := [][]byte{t.stream("stream")}
	for range 1 + t.upTo(2, "others") {
		versions = append(versions, t.otherThan(versions[len(versions)-1]))
	}
	return t.ingestAll(versions...)
}

// severalRuns has runs with the same jobs, which grow by turns.
func severalRuns(t *trial) error {
	var all recordings
	whole := map[*recording][]byte{}
	for i := range 3 {
		r := record(t.run(fmt.Sprint(i)), nil)
		whole[r] = t.stream("stream")
		r.is(t.prefixOf(whole[r]))
		all = append(all, r)
	}
	for _, r := range slices.Concat(all, all) {
		if _, err := store.Ingest(t.ctx, t.store, r, store.Options{}); err != nil {
			return err
		}
		if whole[r] != nil {
			r.is(whole[r])
			whole[r] = nil
		}
	}
	return t.agree(all...)
}

func pipe(t *trial) error {
	r := record(t.run("a"), t.stream("stream"))
	if t.flip("stored") {
		if err := t.ingest(r, nil); err != nil {
			return err
		}
		r.is(t.otherThan(r.bytes()))
	}
	r.once = true
	if _, err := store.Ingest(t.ctx, t.store, r, store.Options{}); err != nil {
		return err
	}
	return t.agree(r)
}

func otherReading(t *trial) error {
	r := record(t.run("a"), t.stream("stream"))
	if err := t.ingest(r, nil); err != nil {
		return err
	}
	r.reading = "otherwise"
	r.is(t.otherThan(r.bytes()))
	return t.derives(r, store.Options{})
}

// derives takes a recording in whose rows are to be derived again.
func (t *trial) derives(r *recording, options store.Options) error {
	result, err := store.Ingest(t.ctx, t.store, r, options)
	if err != nil {
		return err
	}
	if result.Outcome != store.Derived {
		return fmt.Errorf("store.Ingest says %q, not %q", result.Outcome, store.Derived)
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

func longStreams(t *trial) error {
	stream := longStream(500)
	changed := slices.Clone(stream)
	changed[bytes.IndexByte(changed, '0')] = '7'
	return t.ingestAll(stream[:wholeLines(stream[:len(stream)/2])], stream, stream[:len(stream)-10], changed)
}

// unreadable has a malformed line where those are not skipped: early, and
// behind so much that rows have been written.
func unreadable(t *trial) error {
	for name, stream := range map[string][]byte{"short": longStream(1), "long": longStream(500)} {
		r := record(t.run(name), longStream(3))
		if err := t.ingest(r, nil); err != nil {
			return err
		}
		before, err := r.derived()
		if err != nil {
			return err
		}
		r.is(append(stream, "malformed\n"...))
		r.malformed = jsonl.Stop
		result, err := store.Ingest(t.ctx, t.store, r, store.Options{})
		var malformed *jsonl.MalformedError
		if !errors.As(err, &malformed) || result.Outcome != store.SetAside {
			return fmt.Errorf("%s: Ingest says %q, %v", name, result.Outcome, err)
		}
		if err := t.holds(before); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
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

func readNothing(t *trial) error {
	run := t.run("not there")
	_, asRun := store.ReadRun(t.ctx, t.store, run)
	_, asJobs := store.ReadJobs(t.ctx, t.store, run)
	_, asRecord := store.ReadRecord(t.ctx, t.store, run)
	for _, err := range []error{asRun, asJobs, asRecord} {
		if !errors.Is(err, store.ErrNoRun) {
			return fmt.Errorf("a read returns %v, not %w", err, store.ErrNoRun)
		}
	}
	return nil
}
