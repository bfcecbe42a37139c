package projections_test

import (
	"math/big"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

func modelRun(stream []domain.Entry) []projections.Run {
	events := eventsOf(stream)
	run := projections.Run{RunID: "run", State: modelRunState(events), Ended: runEndOf(events) != never, Events: int64(len(events))}
	for _, job := range jobsOf(events) {
		run.Jobs++
		if end := endOf(events, job); end != never && events[end].Outcome == domain.Failed {
			run.FailedJobs++
		}
	}
	for i, e := range events {
		switch e.Kind {
		case domain.Unknown:
			run.UnknownEvents++
		case domain.ShStarted:
			run.ShEvents++
			if end := closedBy(events, i); end == never {
				run.OpenSh++
			} else if events[end].ExitCode != 0 {
				run.FailedSh++
			}
		}
	}
	return []projections.Run{run}
}

func modelRunState(events []domain.Event) projections.State {
	if end := runEndOf(events); end != never {
		return ended(events[end].Outcome)
	}
	complete := 0
	for _, job := range jobsOf(events) {
		switch modelJob(events, job).State {
		case projections.Failed:
			return projections.Failed
		case projections.Complete:
			complete++
		}
	}
	if complete > 0 && complete == len(jobsOf(events)) {
		return projections.Complete
	}
	return projections.Active
}

func ended(outcome domain.Outcome) projections.State {
	return map[domain.Outcome]projections.State{
		domain.Complete: projections.Complete,
		domain.Failed:   projections.Failed,
	}[outcome]
}

func modelJobs(stream []domain.Entry) (rows []projections.Job) {
	events := eventsOf(stream)
	for _, job := range jobsOf(events) {
		rows = append(rows, modelJob(events, job))
	}
	return rows
}

func modelJob(events []domain.Event, job string) projections.Job {
	row := projections.Job{JobID: job, State: projections.Active}
	if start := startOf(events, job); start != never {
		row.StartedAtMs = projections.Some(events[start].AtMs)
	}
	end := endOf(events, job)
	if end != never {
		row.FinishedAtMs = projections.Some(events[end].AtMs)
		row.State = ended(events[end].Outcome)
	}
	for i, e := range events {
		if i < end && e.Kind == domain.ShFinished && e.JobID == job && closes(events, i) {
			row.ExitCode = projections.Some(e.ExitCode)
		}
	}
	return row
}

func modelShEvents(stream []domain.Entry) (rows []projections.ShEvent) {
	events := eventsOf(stream)
	for i, e := range events {
		if e.Kind != domain.ShStarted {
			continue
		}
		row := projections.ShEvent{JobID: e.JobID, Seq: seqOf(events, i), Cmd: e.Cmd, StartedAtMs: e.AtMs}
		if end := closedBy(events, i); end != never {
			row.FinishedAtMs = projections.Some(events[end].AtMs)
			row.ExitCode = projections.Some(events[end].ExitCode)
		}
		rows = append(rows, row)
	}
	return rows
}

// modelLabels are the labels of the first run_started.
func modelLabels(stream []domain.Entry) (rows []projections.Label) {
	events := eventsOf(stream)
	if start := firstOf(events, domain.RunStarted, ""); start != never {
		for label := range events[start].Labels().All() {
			rows = append(rows, projections.Label{Key: label.Key, Value: label.Value})
		}
	}
	return rows
}

func modelRunRow(stream []domain.Entry) []projections.RunRow {
	return []projections.RunRow{{Run: modelRun(stream)[0], RunTiming: modelRunTiming(stream)[0]}}
}

// oddities are the codes in their order, each with a function that decides whether it
// applies to an event, given the events before it.
var oddities = []struct {
	code projections.Code
	is   func(before []domain.Event, e domain.Event) bool
}{
	{projections.UnknownType, func(_ []domain.Event, e domain.Event) bool {
		return e.Kind == domain.Unknown
	}},
	{projections.ClockBackwards, func(before []domain.Event, e domain.Event) bool {
		return len(before) > 0 && e.AtMs < before[len(before)-1].AtMs
	}},
	{projections.DuplicateRunStart, func(before []domain.Event, e domain.Event) bool {
		return e.Kind == domain.RunStarted && firstOf(before, domain.RunStarted, "") != never
	}},
	{projections.DuplicateJobStart, func(before []domain.Event, e domain.Event) bool {
		return e.Kind == domain.JobStarted && startOf(before, e.JobID) != never && endOf(before, e.JobID) == never
	}},
	{projections.DuplicateJobFinish, func(before []domain.Event, e domain.Event) bool {
		return e.Kind == domain.JobFinished && endOf(before, e.JobID) != never
	}},
	{projections.OrphanJobFinish, func(before []domain.Event, e domain.Event) bool {
		return e.Kind == domain.JobFinished && startOf(before, e.JobID) == never
	}},
	{projections.OrphanShStart, func(before []domain.Event, e domain.Event) bool {
		return e.Kind == domain.ShStarted && startOf(before, e.JobID) == never
	}},
	{projections.OrphanShFinish, func(before []domain.Event, e domain.Event) bool {
		return e.Kind == domain.ShFinished && openSh(before, e.JobID) == 0
	}},
	{projections.OverlappingSh, func(before []domain.Event, e domain.Event) bool {
		return e.Kind == domain.ShStarted && openSh(before, e.JobID) > 0
	}},
	{projections.EventAfterJobFinish, func(before []domain.Event, e domain.Event) bool {
		late := e.Kind == domain.JobStarted || e.Kind == domain.ShStarted || e.Kind == domain.ShFinished
		return late && endOf(before, e.JobID) != never
	}},
	{projections.EventAfterRunFinish, func(before []domain.Event, _ domain.Event) bool {
		return runEndOf(before) != never
	}},
	{projections.UnfinishedSh, func(before []domain.Event, e domain.Event) bool {
		return e.Kind == domain.JobFinished && endOf(before, e.JobID) == never && openSh(before, e.JobID) > 0
	}},
}

func modelDiagnostics(stream []domain.Entry) (rows []projections.Diagnostic) {
	for i, entry := range stream {
		row := projections.Diagnostic{Line: entry.Line, Offset: entry.Offset}
		if entry.HasJob {
			row.JobID = projections.Some(entry.JobID)
		}
		for _, row.Code = range codesOf(eventsOf(stream[:i]), entry) {
			rows = append(rows, row)
		}
	}
	return rows
}

func codesOf(before []domain.Event, entry domain.Entry) (codes []projections.Code) {
	switch entry.Fault {
	case domain.Torn:
		return []projections.Code{projections.TornTail}
	case domain.Malformed:
		return []projections.Code{projections.MalformedLine}
	}
	for _, odd := range oddities {
		if odd.is(before, entry.Event) {
			codes = append(codes, odd.code)
		}
	}
	return codes
}

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
