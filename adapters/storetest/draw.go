package storetest

import (
	"fmt"
	"math"
	"slices"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
)

// content draws what a run may have stored. It is not what any stream gives,
// but keeps to what the tables mean: a job is active until it has finished.
func (t *trial) content(run domain.RunID) *content {
	c := &content{id: run}
	c.row = some(t.runRow(run))
	c.checkpoint = some(t.checkpoint())
	ids := rapid.SliceOfNDistinct(anyText(), 0, 6, rapid.ID).Draw(t.draw, "jobs")
	for i, id := range ids {
		c.jobs = append(c.jobs, job{Index: i, Value: t.job(id)})
		c.timings = append(c.timings, jobTiming{Index: i, Value: t.jobTiming(id)})
	}
	for i := range t.upTo(8, "sh") {
		c.shEvents = append(c.shEvents, shEvent{Index: i, Value: t.shEvent(c.shEvents, ids)})
	}
	for i := range t.upTo(4, "diagnostics") {
		c.diagnostics = append(c.diagnostics, diagnostic{Index: i, Value: t.diagnostic()})
	}
	return c
}

// contents draws those of one to most runs.
func (t *trial) contents(most int) []*content {
	contents := make([]*content, 1+t.upTo(most-1, "runs"))
	for i := range contents {
		contents[i] = t.content(t.run(fmt.Sprint(i)))
	}
	return contents
}

func (t *trial) job(id string) projections.Job {
	row := projections.Job{JobID: id, State: projections.Active, StartedAtMs: t.maybeMs("started"), ExitCode: t.maybeCode("exit")}
	if t.flip("finished") {
		row.FinishedAtMs = some(t.ms("finished"))
		row.State = pick(t, "state", projections.Complete, projections.Failed)
	}
	return row
}

// shEvent draws the next command of one of the jobs.
func (t *trial) shEvent(before []shEvent, jobs []string) projections.ShEvent {
	row := projections.ShEvent{Seq: 1, Cmd: anyText().Draw(t.draw, "cmd"), StartedAtMs: t.ms("started")}
	if len(jobs) > 0 {
		row.JobID = pick(t, "job", jobs...)
	}
	for _, sh := range before {
		if sh.Value.JobID == row.JobID {
			row.Seq = sh.Value.Seq + 1
		}
	}
	if t.flip("closed") {
		row.FinishedAtMs, row.ExitCode = some(t.ms("finished")), some(t.code("exit"))
	}
	return row
}

func (t *trial) jobTiming(id string) projections.JobTiming {
	return projections.JobTiming{
		JobID: id, OffsetMs: t.maybeMs("offset"), DurationMs: t.maybeMs("duration"),
		ShCount: t.count("sh"), ShMs: t.maybeMs("sh"), GapMs: t.maybeMs("gap"),
	}
}

func (t *trial) diagnostic() projections.Diagnostic {
	row := projections.Diagnostic{
		Code: pick(t, "code", codes...),
		Line: 1 + t.count64("line"), Offset: t.count64("offset"),
	}
	if t.flip("named") {
		row.JobID = some(anyText().Draw(t.draw, "job"))
	}
	return row
}

var codes = []projections.Code{
	projections.TornTail, projections.MalformedLine, projections.UnknownType, projections.ClockBackwards, projections.DuplicateRunStart, projections.DuplicateJobStart,
	projections.DuplicateJobFinish, projections.OrphanJobFinish, projections.OrphanShStart, projections.OrphanShFinish,
	projections.OverlappingSh, projections.EventAfterJobFinish, projections.EventAfterRunFinish, projections.UnfinishedSh,
}

func (t *trial) runRow(run domain.RunID) store.Run {
	return store.Run{
		Run: projections.Run{
			RunID: run, State: pick(t, "state", projections.Active, projections.Complete, projections.Failed), Ended: t.flip("ended"),
			Events: t.count64("events"), UnknownEvents: t.count64("unknown"),
			Jobs: t.count("jobs"), FailedJobs: t.count("failed jobs"), ShEvents: t.count("sh"), FailedSh: t.count("failed sh"), OpenSh: t.count("open sh"),
		},
		RunTiming: projections.RunTiming{
			StartedAtMs: t.maybeMs("started"), LastAtMs: t.maybeMs("last"), WallMs: t.maybeMs("wall"),
			BusyMs: t.maybeMs("busy"), JobMs: t.maybeMs("jobs"), PeakJobs: t.count("peak"),
		},
	}
}

func (t *trial) checkpoint() store.Checkpoint {
	return store.Checkpoint{
		Mark: t.mark("mark"), End: t.mark("end"), Events: t.count64("events"),
		Reducers: projections.Version, Reading: anyText().Draw(t.draw, "reading"), Source: anyText().Draw(t.draw, "source"),
		State: anyText().Draw(t.draw, "state"),
	}
}

func (t *trial) mark(label string) domain.Mark {
	mark := domain.Mark{Bytes: t.count64(label), Lines: t.count64(label)}
	copy(mark.SHA256[:], rapid.SliceOfN(rapid.Byte(), 0, 32).Draw(t.draw, "digest"))
	return mark
}

func (t *trial) ms(label string) int64   { return laws.AtMs().Draw(t.draw, label) }
func (t *trial) code(label string) int32 { return laws.ExitCode().Draw(t.draw, label) }

func (t *trial) maybeMs(label string) projections.Null[int64] {
	return maybe(t, laws.AtMs(), label)
}

func (t *trial) maybeCode(label string) projections.Null[int32] {
	return maybe(t, laws.ExitCode(), label)
}

// maybe draws a value that is unknown one time in three.
func maybe[T comparable](t *trial, values *rapid.Generator[T], label string) projections.Null[T] {
	if t.upTo(2, label) == 0 {
		return projections.Null[T]{}
	}
	return some(values.Draw(t.draw, label))
}

// count draws how many of something there are in memory, count64 in a stream.
func (t *trial) count(label string) int {
	return rapid.OneOf(rapid.IntRange(0, 9), rapid.Just(math.MaxInt32)).Draw(t.draw, label)
}

func (t *trial) count64(label string) int64 {
	return rapid.OneOf(rapid.Int64Range(0, 9), rapid.Int64Range(0, math.MaxInt64-1)).Draw(t.draw, label)
}

// batches splits a run's rows into some that are inserted one after the other,
// in no order of their positions.
func (t *trial) batches(c *content) []*store.Rows {
	all := c.rows()
	batches := make([]*store.Rows, 1+t.upTo(3, "batches"))
	for i := range batches {
		batches[i] = &store.Rows{RunID: c.id}
	}
	deal(t, all.Jobs, batches, func(b *store.Rows, row job) { b.Jobs = append(b.Jobs, row) })
	deal(t, all.ShEvents, batches, func(b *store.Rows, row shEvent) { b.ShEvents = append(b.ShEvents, row) })
	deal(t, all.Timings, batches, func(b *store.Rows, row jobTiming) { b.Timings = append(b.Timings, row) })
	deal(t, all.Diagnostics, batches, func(b *store.Rows, row diagnostic) { b.Diagnostics = append(b.Diagnostics, row) })
	batches[len(batches)-1].Run = all.Run
	return batches
}

func deal[R any](t *trial, rows []R, batches []*store.Rows, give func(*store.Rows, R)) {
	if len(rows) == 0 {
		return
	}
	for _, row := range rapid.Permutation(slices.Clone(rows)).Draw(t.draw, "order") {
		give(batches[t.upTo(len(batches)-1, "batch")], row)
	}
}
