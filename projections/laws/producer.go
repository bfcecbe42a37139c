package laws

import (
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
)

// WellFormed generates the streams of producers that follow the rules: jobs start, run commands and
// finish, some at the same time, and the clock never goes back. A stream may end before its run
// does.
func WellFormed() *rapid.Generator[[]domain.Event] {
	return rapid.Custom(func(t *rapid.T) []domain.Event {
		p := producer{t: t, at: rapid.SampledFrom([]int64{0, 1795444880217, -3}).Draw(t, "start")}
		jobs := rapid.IntRange(0, 5).Draw(t, "jobs")
		atOnce := rapid.IntRange(1, 3).Draw(t, "at once")
		if rapid.Bool().Draw(t, "opened") {
			p.emit(domain.NewRunStarted(p.at, Labels().Draw(t, "labels")))
		}
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
		// Whole streams come first, because rapid shrinks towards them.
		if !rapid.Bool().Draw(t, "cut") {
			return p.events
		}
		return p.events[:rapid.IntRange(0, len(p.events)).Draw(t, "events")]
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
	toDo    int // number of commands that it has not started
	between bool
}

func (p *producer) emit(event domain.Event) {
	p.events = append(p.events, event)
	p.at += rapid.Int64Range(0, 30).Draw(p.t, "passes")
}

func (p *producer) start(id string) {
	p.emit(domain.NewJobStarted(p.at, id))
	p.running = append(p.running, &runningJob{id: id, toDo: rapid.IntRange(0, 6).Draw(p.t, "sh"), between: true})
}

// advance takes the next step in one of the running jobs.
func (p *producer) advance(which int) {
	job := p.running[which]
	switch {
	case !job.between:
		p.emit(domain.NewShFinished(p.at, job.id, ExitCode().Draw(p.t, "exit_code")))
		job.between = true
	case job.toDo > 0:
		p.emit(domain.NewShStarted(p.at, job.id, Cmd().Draw(p.t, "cmd")))
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
