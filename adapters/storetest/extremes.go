package storetest

import (
	"fmt"
	"math"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// anyTextIsKept has all odd texts in one run, where they must not be taken for
// each other, and names a run by each.
func anyTextIsKept(t *trial) error {
	all := plain(t.run("all"))
	contents := []*content{all}
	for i, text := range oddTexts {
		addText(all, i, text)
		all.checkpoint.V.Reading, all.checkpoint.V.Source = text, text
		if strings.ContainsRune(text, 0) {
			continue // nothing that could name a run can hold it
		}
		named := plain(t.run(text))
		named.checkpoint.V.Reading, named.checkpoint.V.Source = text, text
		contents = append(contents, named)
	}
	if err := t.write(contents...); err != nil {
		return err
	}
	return t.holds(contents...)
}

// addText adds the text wherever a row has one.
func addText(c *content, index int, text string) {
	c.jobs = append(c.jobs, job{Index: index, Value: projections.Job{JobID: text, State: projections.Active}})
	c.timings = append(c.timings, jobTiming{Index: index, Value: projections.JobTiming{JobID: text}})
	c.shEvents = append(c.shEvents, shEvent{Index: index, Value: projections.ShEvent{JobID: text, Seq: 1, Cmd: text}})
	c.diagnostics = append(c.diagnostics, diagnostic{Index: index, Value: projections.Diagnostic{
		Code: projections.UnknownType, Line: int64(index) + 1, JobID: some(text),
	}})
}

// longTextsAreKept has ids that are longer than an index takes in, and differ
// at their ends only.
func longTextsAreKept(t *trial) error {
	const longest = 512 // that [store.CheckRunID] lets pass
	c := plain(t.run(longText(longest-len(t.prefix), 1)))
	other := plain(t.run(longText(longest-len(t.prefix), 2)))
	for i, bytes := range []int{500, 2000, 3000, 9000, 70_000, 300_000} {
		addText(c, 2*i, longText(bytes, 1))
		addText(c, 2*i+1, longText(bytes, 2))
	}
	addText(c, len(c.jobs), "has a long command")
	c.shEvents[len(c.shEvents)-1].Value.Cmd = strings.Repeat("é√\n", 1<<20)
	if err := t.write(c, other); err != nil {
		return err
	}
	return t.holds(c, other)
}

func extremesAreKept(t *trial) error {
	var contents []*content
	for _, ms := range []int64{math.MinInt64, math.MinInt64 + 1, -1, 1 << 53, 1<<53 + 1, math.MaxInt64 - 1, math.MaxInt64} {
		contents = append(contents, extreme(t.run(fmt.Sprint(ms)), ms))
	}
	if err := t.write(contents...); err != nil {
		return err
	}
	return t.holds(contents...)
}

// extreme returns the content of a run that has ms wherever it can be.
func extreme(run domain.RunID, ms int64) *content {
	code, count := int32(math.MinInt32), max(ms, 1)
	if ms > 0 {
		code = math.MaxInt32
	}
	c, null := plain(run), some(ms)
	c.row.V.RunTiming = projections.RunTiming{StartedAtMs: null, LastAtMs: null, WallMs: null, BusyMs: null, JobMs: null, PeakJobs: math.MaxInt32}
	c.row.V.Events, c.row.V.UnknownEvents = count, count
	c.row.V.Jobs, c.row.V.FailedJobs, c.row.V.ShEvents, c.row.V.FailedSh, c.row.V.OpenSh = math.MaxInt32, math.MaxInt32, math.MaxInt32, math.MaxInt32, math.MaxInt32
	c.checkpoint.V.Bytes, c.checkpoint.V.Lines, c.checkpoint.V.Events = count, count, count
	c.checkpoint.V.End.Bytes, c.checkpoint.V.End.Lines = count, count
	c.jobs = []job{{Value: projections.Job{JobID: "a", State: projections.Failed, StartedAtMs: null, FinishedAtMs: null, ExitCode: some(code)}}}
	c.timings = []jobTiming{{Value: projections.JobTiming{
		JobID: "a", OffsetMs: null, DurationMs: null, ShCount: math.MaxInt32, ShMs: null, GapMs: null,
	}}}
	c.diagnostics = []diagnostic{{Value: projections.Diagnostic{Code: projections.UnfinishedSh, Line: count, Offset: count}}}
	for i, finished := range []int64{math.MinInt64, -1, 0, 1, math.MaxInt64} {
		c.shEvents = append(c.shEvents, shEvent{Index: i, Value: projections.ShEvent{
			JobID: "a", Seq: i + 1, StartedAtMs: ms, FinishedAtMs: some(finished), ExitCode: some(code),
		}})
	}
	for i, started := range []int64{math.MinInt64, -1, 0, 1, math.MaxInt64} {
		c.shEvents = append(c.shEvents, shEvent{Index: 5 + i, Value: projections.ShEvent{JobID: "b", Seq: math.MaxInt32 - i, StartedAtMs: started}})
	}
	return c
}
