package projections_test

import (
	"math/big"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

func modelRunTiming(stream []domain.Entry) []projections.RunTiming {
	events := eventsOf(stream)
	var row projections.RunTiming
	if len(events) > 0 {
		first, last := events[0].AtMs, events[len(events)-1].AtMs
		row.StartedAtMs, row.LastAtMs = projections.Some(first), projections.Some(last)
		row.WallMs = between(first, last)
	}
	var durations []projections.Null[int64]
	for _, job := range jobsOf(events) {
		durations = append(durations, modelJobDuration(events, job))
	}
	row.JobMs = total(durations)
	row.BusyMs = total(stretches(events, func(events []domain.Event) bool { return openJobs(events) > 0 }))
	for i := range events {
		row.PeakJobs = max(row.PeakJobs, openJobs(events[:i+1]))
	}
	return []projections.RunTiming{row}
}

func modelJobDuration(events []domain.Event, job string) projections.Null[int64] {
	start, end := startOf(events, job), endOf(events, job)
	if start == never || end == never {
		return projections.Null[int64]{}
	}
	return between(events[start].AtMs, events[end].AtMs)
}

func modelJobTimings(stream []domain.Entry) (rows []projections.JobTiming) {
	events := eventsOf(stream)
	for _, job := range jobsOf(events) {
		rows = append(rows, modelJobTiming(events, job))
	}
	return rows
}

func modelJobTiming(events []domain.Event, job string) projections.JobTiming {
	row := projections.JobTiming{JobID: job, DurationMs: modelJobDuration(events, job)}
	if start := startOf(events, job); start != never {
		row.OffsetMs = between(events[0].AtMs, events[start].AtMs)
	}
	before := events[:min(endOf(events, job), len(events))]
	row.ShCount = len(shOf(before, job))
	row.ShMs = modelShMs(before, job)
	if row.DurationMs.Valid && row.ShMs.Valid {
		row.GapMs = between(row.ShMs.V, row.DurationMs.V)
	}
	return row
}

// modelShMs is the time that a job's outermost closed sh cover: those that lie inside no
// other closed one.
func modelShMs(events []domain.Event, job string) projections.Null[int64] {
	sum, closed := new(big.Int), closings(events)
	for _, start := range shOf(events, job) {
		if closed[start] != never && parentOf(events, closed, start, true) == never {
			sum.Add(sum, covered(events, closed, start))
		}
	}
	return told(sum)
}

// covered is the time that a closed sh covers: its own duration or, if it is longer, the
// time that the sh directly inside it cover.
func covered(events []domain.Event, closed map[int]int, start int) *big.Int {
	inside := new(big.Int)
	for _, other := range shOf(events, events[start].JobID) {
		if closed[other] != never && parentOf(events, closed, other, false) == start {
			inside.Add(inside, covered(events, closed, other))
		}
	}
	if own := between(events[start].AtMs, events[closed[start]].AtMs); own.Valid && big.NewInt(own.V).Cmp(inside) > 0 {
		return big.NewInt(own.V)
	}
	return inside
}

// parentOf returns the innermost sh that a closed sh lies inside: one that started before
// it and was open when it closed. passOver leaves out those that are never closed. closed
// is the result of closings.
func parentOf(events []domain.Event, closed map[int]int, start int, passOver bool) int {
	parent := never
	for _, other := range shOf(events[:start], events[start].JobID) {
		if at := closed[other]; at > closed[start] && !(passOver && at == never) {
			parent = other
		}
	}
	return parent
}

func modelShTimings(stream []domain.Entry) (rows []projections.ShTiming) {
	events := eventsOf(stream)
	for i, e := range events {
		if e.Kind != domain.ShStarted {
			continue
		}
		row := projections.ShTiming{JobID: e.JobID, Seq: seqOf(events, i), OffsetMs: between(events[0].AtMs, e.AtMs)}
		if end := closedBy(events, i); end != never {
			row.DurationMs = between(e.AtMs, events[end].AtMs)
		}
		rows = append(rows, row)
	}
	return rows
}

// modelSlowest takes the slowest of the rest ten times, and the first of several equals.
func modelSlowest(stream []domain.Entry) (rows []projections.SlowSh) {
	rest := modelShTimings(stream)
	rest = slices.DeleteFunc(rest, func(sh projections.ShTiming) bool { return !sh.DurationMs.Valid })
	for len(rest) > 0 && len(rows) < 10 {
		slowest := 0
		for i := range rest {
			if rest[i].DurationMs.V > rest[slowest].DurationMs.V {
				slowest = i
			}
		}
		sh := rest[slowest]
		rows = append(rows, projections.SlowSh{JobID: sh.JobID, Seq: sh.Seq, DurationMs: sh.DurationMs.V})
		rest = slices.Delete(rest, slowest, slowest+1)
	}
	return rows
}
