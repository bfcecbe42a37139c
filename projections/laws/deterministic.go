package laws

import (
	"fmt"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// deterministic is the law that the same events give the same rows, in the same order, whichever
// instance reads them and wherever they are in memory.
//
// A reader reuses its entries, and the fold its step; a projection may only keep strings. So the
// law overwrites both as soon as the projection has returned. It also requires that a projection
// does not change the entry and the tracker, which the other members of the fold share.
func deterministic[R comparable](newProjection maker[R], stream []domain.Entry) error {
	plain := observe(newProjection()).apply(stream...).outcome()
	for range 20 { // two keys of a map are iterated in the other order one time in eight
		again := observe(newProjection()).apply(stream...).outcome()
		if err := again.differs(plain); err != nil {
			return fmt.Errorf("a second instance differs: %w", err)
		}
	}
	if err := beside(newProjection, stream).differs(plain); err != nil {
		return fmt.Errorf("rows differ while another run is folded: %w", err)
	}
	reused, err := reuse(newProjection, stream)
	if err != nil {
		return err
	}
	if err := reused.differs(plain); err != nil {
		return fmt.Errorf("rows differ when entries and steps are used again: %w", err)
	}
	return trackerUntouched(newProjection, stream)
}

// beside folds the stream while another instance folds a run with mostly the same names and another
// history.
func beside[R comparable](newProjection maker[R], stream []domain.Entry) outcome[R] {
	o, neighbour := observe(newProjection()), observe(newProjection())
	for i := range stream {
		other := stream[len(stream)-1-i]
		other.AtMs, other.ExitCode, other.Cmd = other.AtMs/2+7, other.ExitCode^1, other.Cmd+"!"
		o.apply(stream[i])
		neighbour.apply(other, stream[i])
		neighbour.open()
	}
	return o.outcome()
}

// trackerUntouched compares the trackers of a fold with the projection and of one without members.
func trackerUntouched[R comparable](newProjection maker[R], stream []domain.Entry) error {
	with := observe(newProjection()).apply(stream...)
	with.outcome() // also lists the open rows
	without := projections.NewFold("run")
	for i := range stream {
		without.Apply(&stream[i])
	}
	if got, want := trackerText(with.fold.Run()), trackerText(without.Run()); got != want {
		return fmt.Errorf("the projection has changed the tracker to %s, which was %s", got, want)
	}
	return nil
}

func trackerText(run *projections.Tracker) string {
	text := fmt.Sprint(run.RunID, run.Events, run.FirstAtMs, run.LastAtMs, run.Started, run.Labels, run.Outcome, run.OpenJobs, run.OpenSh, run.ShStarted)
	for job := range run.Jobs() {
		text += fmt.Sprintf(" %+v", *job)
	}
	run.EachOpenSh(func(_ *projections.TrackedJob, sh *projections.TrackedSh) { text += fmt.Sprintf(" %+v", *sh) })
	return text
}

// reuse folds the stream from a single entry, which is overwritten after each step. Its strings are
// not in the stream's memory.
func reuse[R comparable](newProjection maker[R], stream []domain.Entry) (outcome[R], error) {
	var entry domain.Entry
	o := observe(newProjection(), spoiler())
	for i := range stream {
		entry = relocated(stream[i])
		o.fold.Apply(&entry)
		if entry != stream[i] {
			return outcome[R]{}, after(i+1, fmt.Errorf("the projection has changed the entry to %+v", entry))
		}
		entry = rubbish
	}
	return o.outcome(), nil
}

// relocated returns the entry with its strings in new memory.
func relocated(entry domain.Entry) domain.Entry {
	entry.JobID, entry.Cmd = strings.Clone(entry.JobID), strings.Clone(entry.Cmd)
	entry.Type, entry.Extra = strings.Clone(entry.Type), strings.Clone(entry.Extra)
	return entry
}

var rubbish = domain.Entry{
	Event:    domain.NewShStarted(-77, "a job that does not exist", "a command that was never run"),
	Position: domain.Position{Line: -77, Offset: -77},
	Fault:    domain.Malformed,
}

// spoiler returns a member that overwrites the step after the members before it.
func spoiler() projections.Member {
	return projections.Observe(func(step *projections.Step) {
		entry := rubbish
		*step = projections.Step{
			Entry: &entry, Run: projections.NewTracker("another run"), PrevAtMs: -77, AfterRun: true,
			Job: &projections.TrackedJob{ID: "a job that does not exist", Index: -77}, Sh: &projections.TrackedSh{Index: -77, Job: -77},
			ShOpens: true, ShCloses: true, JobStarts: true, JobEnds: true,
		}
	}, nil)
}
