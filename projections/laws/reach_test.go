package laws

import (
	"go/parser"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// The streams of a Check reach these situations, in so many of a thousand streams, so that laws can be
// broken.
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

// situations returns the situations in a stream.
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

// situated records the situations of a stream's steps.
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

// These values may change 400 years later, and those may not.
func TestMovedValue(t *testing.T) {
	type times struct {
		at    any
		other [1]float64
		year  uint16
	}
	const at = int64(1795444880217)
	later := time.UnixMilli(at + fourCenturies).UTC()
	for _, test := range []struct {
		name          string
		later, before any
		want          bool
	}{
		{"nothing", nil, nil, true},
		{"ms", at + fourCenturies, at, true},
		{"seconds", (at + fourCenturies) / 1000, at / 1000, true},
		{"days", int32((at + fourCenturies) / 86400e3), int32(at / 86400e3), true},
		{"a time", later, time.UnixMilli(at).UTC(), true},
		{"all at once", times{later, [1]float64{float64(at+fourCenturies) / 1e3}, 2426}, times{time.UnixMilli(at).UTC(), [1]float64{float64(at) / 1e3}, 2026}, true},
		{"a ms more", at + fourCenturies + 1, at, false},
		{"text", "2426", "2026", false},
		{"another type", at, int32(7), false},
		{"none any more", nil, at, false},
		{"one of several", times{later, [1]float64{1}, 2026}, times{later, [1]float64{2}, 2026}, false},
	} {
		assert.Equal(t, test.want, movedValue(reflect.ValueOf(&test.later).Elem(), reflect.ValueOf(&test.before).Elem()), test.name)
	}
}

// Each event, and the source that makes it.
func TestEventSource(t *testing.T) {
	for source, event := range map[string]domain.Event{
		`domain.NewJobStarted(-1, "a\x00")`:                      domain.NewJobStarted(-1, "a\x00"),
		`domain.NewJobFinished(1, "a", domain.Failed)`:           domain.NewJobFinished(1, "a", domain.Failed),
		`domain.NewShStarted(1, "a", "make \"x\"")`:              domain.NewShStarted(1, "a", "make \"x\""),
		`domain.NewShFinished(1, "a", -2)`:                       domain.NewShFinished(1, "a", -2),
		`domain.NewRunFinished(1, domain.Complete)`:              domain.NewRunFinished(1, domain.Complete),
		`domain.NewUnknown(1, "x", "{\"a\":1}")`:                 domain.NewUnknown(1, "x", "{\"a\":1}"),
		`domain.NewUnknown(1, "x", "").InJob("a")`:               domain.NewUnknown(1, "x", "").InJob("a"),
		`laws.RunStarted(1)`:                                     RunStarted(1),
		`laws.RunStarted(1, domain.Label{Key: "k", Value: "v"})`: RunStarted(1, domain.Label{Key: "k", Value: "v"}),
		`domain.Event{}`:                                         {},
	} {
		assert.Equal(t, source, eventSource(&event))
	}
}

func TestStreamSource(t *testing.T) {
	stream := Entries([]domain.Event{domain.NewJobStarted(1, "a"), {}})
	if got, want := source(stream), "\tlaws.Entries([]domain.Event{\n\t\tdomain.NewJobStarted(1, \"a\"),\n\t\tdomain.Event{},\n\t})"; got != want {
		t.Errorf("%s", got)
	}
	stream[1].Fault, stream[1].Line = domain.Torn, 7
	if got, want := source(stream), `	[]domain.Entry{
		{Event: domain.NewJobStarted(1, "a"), Position: domain.Position{Line: 1, Offset: 0}},
		{Position: domain.Position{Line: 7, Offset: 100}, Fault: domain.Torn},
	}`; got != want {
		t.Errorf("%s", got)
	}
}

// The source of any stream is an expression.
func TestSourceIsGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := source(spoilt(Streams()).Draw(t, "stream"))
		_, err := parser.ParseExpr(text)
		require.NoError(t, err, "%v:\n%s", err, text)
	})
}
