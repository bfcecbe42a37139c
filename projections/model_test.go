package projections_test

import (
	"math"
	"math/big"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// The models compute the rows of each projection from a whole stream, without state. They
// scan all events for every question, use integers of any size, and share only the types
// of the rows with the reducers. The questions are in this file, and the models in
// models_test.go.

// never is the place of an event that is not in the stream, after all others.
const never = math.MaxInt

// eventsOf returns the events of a stream, in order.
func eventsOf(stream []domain.Entry) (events []domain.Event) {
	for _, entry := range stream {
		if entry.Fault == domain.Sound {
			events = append(events, entry.Event)
		}
	}
	return events
}

// jobsOf returns the jobs that any job or sh event names, in order of first mention.
func jobsOf(events []domain.Event) (ids []string) {
	for _, e := range events {
		if e.HasJob && e.Kind != domain.Unknown && !slices.Contains(ids, e.JobID) {
			ids = append(ids, e.JobID)
		}
	}
	return ids
}

// firstOf returns the place of the first event of a kind in a job.
func firstOf(events []domain.Event, kind domain.Kind, job string) int {
	for i, e := range events {
		if e.Kind == kind && e.JobID == job {
			return i
		}
	}
	return never
}

// endOf returns where a job ends: at its first job_finished.
func endOf(events []domain.Event, job string) int { return firstOf(events, domain.JobFinished, job) }

// startOf returns where a job starts: at its first job_started, unless the job has
// ended before.
func startOf(events []domain.Event, job string) int {
	if start := firstOf(events, domain.JobStarted, job); start < endOf(events, job) {
		return start
	}
	return never
}

// runEndOf returns the place of the first run_finished.
func runEndOf(events []domain.Event) int { return firstOf(events, domain.RunFinished, "") }

// shOf returns the places of the sh_started of a job, in order.
func shOf(events []domain.Event, job string) (places []int) {
	for i, e := range events {
		if e.Kind == domain.ShStarted && e.JobID == job {
			places = append(places, i)
		}
	}
	return places
}

// seqOf returns the number in its job of the sh that starts at a place.
func seqOf(events []domain.Event, start int) int {
	return slices.Index(shOf(events, events[start].JobID), start) + 1
}

// closedBy returns where the sh that starts at a place is closed. Each
// sh_finished closes the newest sh of its job that is open then.
func closedBy(events []domain.Event, start int) int {
	return closings(events)[start]
}

func closings(events []domain.Event) map[int]int {
	closedAt := map[int]int{}
	for i, e := range events {
		if e.Kind == domain.ShStarted {
			closedAt[i] = never
		}
		if e.Kind != domain.ShFinished {
			continue
		}
		for _, start := range slices.Backward(shOf(events[:i], e.JobID)) {
			if closedAt[start] == never {
				closedAt[start] = i
				break
			}
		}
	}
	return closedAt
}

// closes reports whether the sh_finished at a place closes any sh.
func closes(events []domain.Event, finish int) bool {
	for _, at := range closings(events) {
		if at == finish {
			return true
		}
	}
	return false
}

// openSh returns how many sh of a job are open after the last of the events.
func openSh(events []domain.Event, job string) (open int) {
	for start, at := range closings(events) {
		if events[start].JobID == job && at == never {
			open++
		}
	}
	return open
}

// openJobs returns how many jobs are open after the last of the events.
func openJobs(events []domain.Event) (open int) {
	for _, job := range jobsOf(events) {
		if startOf(events, job) != never && endOf(events, job) == never {
			open++
		}
	}
	return open
}

// between returns the milliseconds from start to end, or null.
func between(start, end int64) projections.Null[int64] {
	ms := new(big.Int).Sub(big.NewInt(end), big.NewInt(start))
	if ms.Sign() < 0 {
		return projections.Null[int64]{}
	}
	return told(ms)
}

// total adds up the known numbers.
func total(spans []projections.Null[int64]) projections.Null[int64] {
	sum := new(big.Int)
	for _, span := range spans {
		if span.Valid {
			sum.Add(sum, big.NewInt(span.V))
		}
	}
	return told(sum)
}

func told(n *big.Int) projections.Null[int64] {
	if !n.IsInt64() {
		return projections.Null[int64]{}
	}
	return projections.Some(n.Int64())
}

// stretches returns the durations of the times in which something is open. open reports
// whether that is so after the last of some events.
func stretches(events []domain.Event, open func([]domain.Event) bool) (spans []projections.Null[int64]) {
	isOpen := []bool{false} // after i events
	for i := range events {
		isOpen = append(isOpen, open(events[:i+1]))
	}
	for i := range events {
		if isOpen[i] || !isOpen[i+1] {
			continue
		}
		for j := i; j < len(events); j++ {
			if !isOpen[j+1] {
				spans = append(spans, between(events[i].AtMs, events[j].AtMs))
				break
			}
		}
	}
	return spans
}
