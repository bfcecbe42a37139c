package laws

import (
	"math"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
)

// Text generates what a command or a job's id may hold: mostly plain words,
// and whatever a wire format could stumble over.
func Text() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[a-z][a-z ./-]{0,12}`),
		rapid.StringOfN(rapid.RuneFrom([]rune("ab \"\\/\b\f\n\r\t\x00\x01\x1b\x1f\x7f<>&'é√日\u2028\uFEFF\uFFFD😀")), 0, 20, -1),
		rapid.String(),
	)
}

// JobID generates ids from a small set, so that events meet in the same jobs.
func JobID() *rapid.Generator[string] {
	return rapid.SampledFrom([]string{"a", "b", "c", "", "long-enough-to-need-two-words", "a\"\\\n", "日本"})
}

// AtMs generates clocks: small ones that collide and step backwards, real
// ones, and those whose differences int64 cannot hold.
func AtMs() *rapid.Generator[int64] {
	return rapid.OneOf(
		rapid.Int64Range(0, 50),
		rapid.Int64Range(-5, 5),
		rapid.Int64Range(1795444880000, 1795444890000),
		rapid.Int64(),
		rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 + 1, math.MaxInt64 - 1, math.MaxInt64, 1e15, 99999999, 100000000}),
	)
}

// ExitCode generates exit codes, 0 more often than not.
func ExitCode() *rapid.Generator[int32] {
	return rapid.OneOf(
		rapid.Just(int32(0)),
		rapid.Int32Range(0, 3),
		rapid.SampledFrom([]int32{-1, 9, 10, 127, 137, math.MinInt32, math.MaxInt32}),
	)
}

// Outcome generates outcomes.
func Outcome() *rapid.Generator[domain.Outcome] {
	return rapid.SampledFrom([]domain.Outcome{domain.Complete, domain.Failed})
}

// Event generates any event at all.
func Event() *rapid.Generator[domain.Event] {
	return rapid.Custom(func(t *rapid.T) domain.Event {
		at := AtMs().Draw(t, "at_ms")
		// The simple kinds come first, because that is where rapid shrinks to.
		switch rapid.SampledFrom([]string{"job_started", "sh_started", "sh_finished", "job_finished", "unknown", "run_finished"}).Draw(t, "type") {
		case "job_started":
			return domain.NewJobStarted(at, JobID().Draw(t, "job"))
		case "sh_started":
			return domain.NewShStarted(at, JobID().Draw(t, "job"), Text().Draw(t, "cmd"))
		case "sh_finished":
			return domain.NewShFinished(at, JobID().Draw(t, "job"), ExitCode().Draw(t, "exit_code"))
		case "job_finished":
			return domain.NewJobFinished(at, JobID().Draw(t, "job"), Outcome().Draw(t, "outcome"))
		case "run_finished":
			return domain.NewRunFinished(at, Outcome().Draw(t, "outcome"))
		}
		return unknown(t, at)
	})
}

func unknown(t *rapid.T, at int64) domain.Event {
	typ := rapid.SampledFrom([]string{"job_queued", "", "sh_started ", "Job_started", "日"}).Draw(t, "unknown")
	extra := rapid.SampledFrom([]string{"", `{"attempt":1}`, `{"a":[1,{"b":null}],"cmd":true}`}).Draw(t, "extra")
	event := domain.NewUnknown(at, typ, extra)
	if rapid.Bool().Draw(t, "named") {
		return event.InJob(JobID().Draw(t, "job"))
	}
	return event
}

// Chaotic generates sequences of any events in any order.
func Chaotic() *rapid.Generator[[]domain.Event] {
	return rapid.SliceOfN(Event(), 0, 40)
}

// WellFormed generates the streams of producers that keep to the rules: jobs
// that start, run commands and finish, some at the same time, with a clock that
// never goes back. A stream may end before its run does.
func WellFormed() *rapid.Generator[[]domain.Event] {
	return rapid.Custom(func(t *rapid.T) []domain.Event {
		p := producer{t: t, at: rapid.SampledFrom([]int64{0, 1795444880217, -3}).Draw(t, "start")}
		jobs := rapid.IntRange(0, 5).Draw(t, "jobs")
		atOnce := rapid.IntRange(1, 3).Draw(t, "at once")
		for jobs > 0 || len(p.running) > 0 {
			if jobs > 0 && len(p.running) < atOnce && (len(p.running) == 0 || rapid.Bool().Draw(t, "start one")) {
				p.start(string(rune('a' + jobs)))
				jobs--
				continue
			}
			p.advance(rapid.IntRange(0, len(p.running)-1).Draw(t, "which"))
		}
		if rapid.Bool().Draw(t, "closed") {
			p.emit(domain.NewRunFinished(p.at, p.outcome()))
		}
		// Whole streams come first, because that is where rapid shrinks to.
		missing := rapid.IntRange(0, len(p.events)).Draw(t, "missing")
		return p.events[:len(p.events)-missing]
	})
}

// producer writes a well-formed stream.
type producer struct {
	t       *rapid.T
	at      int64
	events  []domain.Event
	running []*runningJob
	failed  bool
}

type runningJob struct {
	id      string
	toDo    int // sh that it has not started
	between bool
}

func (p *producer) emit(event domain.Event) {
	p.events = append(p.events, event)
	p.at += rapid.Int64Range(0, 30).Draw(p.t, "passes")
}

func (p *producer) start(id string) {
	p.emit(domain.NewJobStarted(p.at, id))
	p.running = append(p.running, &runningJob{id: id, toDo: rapid.IntRange(0, 3).Draw(p.t, "sh"), between: true})
}

// advance does the next thing in one of the running jobs.
func (p *producer) advance(which int) {
	job := p.running[which]
	switch {
	case !job.between:
		p.emit(domain.NewShFinished(p.at, job.id, ExitCode().Draw(p.t, "exit_code")))
		job.between = true
	case job.toDo > 0:
		p.emit(domain.NewShStarted(p.at, job.id, Text().Draw(p.t, "cmd")))
		job.toDo--
		job.between = false
	default:
		outcome := Outcome().Draw(p.t, "outcome")
		p.failed = p.failed || outcome == domain.Failed
		p.emit(domain.NewJobFinished(p.at, job.id, outcome))
		p.running = append(p.running[:which], p.running[which+1:]...)
	}
}

func (p *producer) outcome() domain.Outcome {
	if p.failed {
		return domain.Failed
	}
	return domain.Complete
}

// Events generates sequences of events, well-formed and chaotic ones.
func Events() *rapid.Generator[[]domain.Event] {
	return rapid.OneOf(WellFormed(), Chaotic())
}

// Entries places events in a stream, one a line. The offsets are such that no
// two lines have the same, and not those that an encoder would give.
func Entries(events []domain.Event) []domain.Entry {
	entries := make([]domain.Entry, len(events))
	for i, event := range events {
		entries[i] = domain.Entry{Event: event, Position: domain.Position{Line: int64(i) + 1, Offset: int64(i) * 100}}
	}
	return entries
}

// Streams generates the entries of streams as a reader gives them that skips
// malformed lines: events, malformed lines among them, perhaps a torn tail.
func Streams() *rapid.Generator[[]domain.Entry] {
	return rapid.Custom(func(t *rapid.T) []domain.Entry {
		entries := Entries(Events().Draw(t, "events"))
		for i := range entries {
			if rapid.IntRange(0, 19).Draw(t, "malformed") == 19 {
				entries[i] = domain.Entry{Position: entries[i].Position, Fault: domain.Malformed}
			}
		}
		if n := len(entries); n > 0 && rapid.IntRange(0, 3).Draw(t, "torn") == 3 {
			entries[n-1] = domain.Entry{Position: entries[n-1].Position, Fault: domain.Torn}
		}
		return entries
	})
}
