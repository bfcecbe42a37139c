package laws

import (
	"testing"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// What the streams of a Check reach, in how many of a thousand: a law is not kept for
// want of anything to break it.
func TestReach(t *testing.T) {
	reached := map[string]int{}
	for seed := range 1000 {
		for what := range situations(optionsOf(nil).streams.Example(seed)) {
			reached[what]++
		}
	}
	for what, least := range map[string]int{
		"run_started": 200, "job_started": 400, "sh_started": 500, "sh_finished": 500, "job_finished": 300, "run_finished": 200, "unknown": 120,
		"labels": 150, "a line without event": 200, "a torn tail": 100, "an empty stream": 10,
		"a clock that runs backwards": 300, "a clock far out": 100, "a tie": 300, "a time of 0": 200,
		"an orphan finish": 200, "overlapping sh": 300, "a command that runs again": 200, "two that run again in one job": 100, "a job that ends after two that ran again": 50,
		"a job's event after its end": 120, "a second start": 100, "an end without a start": 100,
		"an event after the run's end": 100, "two jobs at once": 200, "more than 16 jobs": 40, "more than 64 jobs": 20,
		"more than 64 commands in a job": 40, "more than 64 open commands": 20, "more than 64 failures in a job": 4, "a run that ends with an open job": 50,
	} {
		if reached[what] < least {
			t.Errorf("%d of 1000 streams have %s, less than %d", reached[what], what, least)
		} else {
			t.Logf("%4d %s", reached[what], what)
		}
	}
}

// situations says what is in a stream.
func situations(stream []domain.Entry) map[string]bool {
	is := map[string]bool{"an empty stream": len(stream) == 0}
	situated := &situated{is: is, runs: map[[2]string]int{}, again: map[string]int{}, failed: map[string]int{}}
	fold := projections.NewFold("run", projections.Observe(situated.step, nil))
	for i := range stream {
		fold.Apply(&stream[i])
	}
	for what, reached := range is {
		if !reached {
			delete(is, what)
		}
	}
	return is
}

// situated notes what the steps of a stream are.
type situated struct {
	is     map[string]bool
	runs   map[[2]string]int // of a command in a job
	failed map[string]int    // commands of a job
	again  map[string]int    // how many commands of a job have run again
}

func (p *situated) note(what string, when bool) { p.is[what] = p.is[what] || when }

func (p *situated) step(s *step) {
	p.note("a torn tail", s.Fault == domain.Torn)
	p.note("a line without event", s.Fault == domain.Malformed)
	if s.Kind == domain.NoEvent {
		return
	}
	p.note(s.Kind.String(), true)
	p.note("labels", s.Labels() != domain.Labels{})
	p.note("a clock that runs backwards", !s.First && s.AtMs < s.PrevAtMs)
	p.note("a tie", !s.First && s.AtMs == s.PrevAtMs)
	p.note("a time of 0", s.AtMs == 0)
	p.note("a clock far out", s.AtMs > 1<<61 || s.AtMs < -1<<61)
	p.note("an event after the run's end", s.AfterRun)
	p.note("a run that ends with an open job", s.Kind == domain.RunFinished && !s.AfterRun && s.Run.OpenJobs > 0)
	if s.Job != nil {
		p.noteJob(s)
	}
}

func (p *situated) noteJob(s *step) {
	p.note("an orphan finish", s.Kind == domain.ShFinished && !s.ShCloses)
	p.note("overlapping sh", s.ShOpens && s.JobBefore.OpenSh > 0)
	p.note("more than 64 open commands", s.Job.OpenSh > 64)
	p.note("more than 64 commands in a job", s.Job.ShCount > 64)
	if s.ShCloses && s.ExitCode != 0 {
		p.failed[s.JobID]++
	}
	p.note("more than 64 failures in a job", p.failed[s.JobID] > 64)
	p.note("a job's event after its end", s.JobBefore.Final)
	p.note("a second start", s.Kind == domain.JobStarted && s.JobBefore.Started)
	p.note("an end without a start", s.JobEnds && !s.Job.Started)
	p.note("a job that ends after two that ran again", s.JobEnds && p.again[s.JobID] > 1)
	p.note("two jobs at once", s.Run.OpenJobs > 1)
	p.note("more than 16 jobs", s.Run.JobCount() > 16)
	p.note("more than 64 jobs", s.Run.JobCount() > 64)
	if s.ShOpens {
		if p.runs[[2]string{s.JobID, s.Cmd}]++; p.runs[[2]string{s.JobID, s.Cmd}] == 2 {
			p.again[s.JobID]++
		}
		p.note("a command that runs again", p.again[s.JobID] > 0)
		p.note("two that run again in one job", p.again[s.JobID] > 1)
	}
}
