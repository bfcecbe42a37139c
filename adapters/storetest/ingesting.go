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
	property("a pipe replaces what was there", pipe),
	example("a stream that cannot be read leaves the rows", unreadable),
	example("reads report what is not stored", readNothing),
}

// ingest ingests a recording and checks the result and the rows. before is the stream that is stored,
// nil if the run is not.
func (t *trial) ingest(r *recording, before []byte) {
	result, err := store.Ingest(t.ctx, t.store, r, store.Options{})
	if err != nil {
		must(wrap("store.Ingest", err))
		return
	}
	if outcomes := outcomesOf(before, r.bytes()); !slices.Contains(outcomes, result.Outcome) {
		failf("store.Ingest says %q, not %q, of\n%+q\nbehind\n%+q", result.Outcome, outcomes, r.bytes(), before)
	}
	if err := t.agree(r); err != nil {
		failf("%w\nin %+q\nbehind %+q", err, r.bytes(), before)
	}
}

// outcomesOf returns the outcomes that Ingest may report for a stream that was another before. If only
// a last line without a line feed has changed, Ingest may also report that the stream has grown.
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
func (t *trial) ingestAll(versions ...[]byte) {
	r := record(t.run("a"), nil)
	var before []byte
	for _, version := range versions {
		r.is(version)
		t.ingest(r, before)
		before = append([]byte{}, version...) // which is not nil
	}
}

func givesRecord(t *trial) { t.recordOf(t.stream("stream")) }

func longRecord(t *trial) { t.recordOf(longStream(3)) }

func (t *trial) recordOf(stream []byte) {
	r := record(t.run("a"), stream)
	t.ingest(r, nil)
	want, err := projections.Project(r.run, jsonl.NewReader(bytes.NewReader(r.bytes()), jsonl.Options{OnMalformed: jsonl.Skip}))
	must(err)
	got := value(store.ReadRecord(t.ctx, t.store, r.run))
	failIf(!reflect.DeepEqual(got, want), "ReadRecord returns\n%s, not\n%s", show(*got), show(*want))
	t.readsAgree(want)
}

// readsAgree compares the other reads with a record.
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

func pipe(t *trial) {
	r := record(t.run("a"), t.stream("stream"))
	if t.flip("stored") {
		t.ingest(r, nil)
		r.is(t.otherThan(r.bytes()))
	}
	r.once = true
	value(store.Ingest(t.ctx, t.store, r, store.Options{}))
	must(t.agree(r))
}

// unreadable has a malformed line that is not skipped: early, and after so many others that rows were
// written.
func unreadable(t *trial) {
	for name, stream := range map[string][]byte{"short": longStream(1), "long": longStream(200)} {
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
