package projections_test

import (
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
