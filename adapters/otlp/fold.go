package otlp

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/quire-ci/quire-project/adapters/internal/cicd"
	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Options say what spans contain.
type Options struct {
	// Commands adds the text of commands, which may contain secrets.
	Commands bool
	// AssumeEnded treats streams without a run_finished as ended: a run whose jobs are all complete
	// is then a success, and one with a failed job a failure.
	AssumeEnded bool
}

// spans makes the spans of a run: when a row is final, its span goes to the batch. If ending is set,
// open adds the spans of everything open.
type spans struct {
	options Options
	out     *batch
	trace   pcommon.TraceID
	run     pcommon.SpanID
	labels  labels
	exits   map[int][]command // commands with an exit code other than 0, by the index of their open job
	row     projections.Run   // of the run; set at the end
	id      domain.RunID
	ending  bool // the stream has ended
}

// newFold returns a fold of a run whose spans go to out.
func newFold(run domain.RunID, out *batch, options Options) (*projections.Fold, *spans) {
	s := &spans{options: options, out: out, trace: TraceID(run), run: RunSpan(run), id: run, exits: map[int][]command{}}
	out.resource(run, &s.labels)
	return projections.NewFold(run,
		projections.Runs.Into(func(row *projections.Row[projections.Run]) { s.row = row.Value }), // opened before the spans
		projections.Observe(s.step, s.open)), s
}

func (s *spans) step(step *projections.Step) {
	switch {
	case step.RunStarts:
		s.labels = readLabels(step.Labels())
		s.out.resource(s.id, &s.labels)
	case step.ShCloses:
		c := s.command(step.Sh)
		c.end, c.exit = projections.Some(step.AtMs), projections.Some(step.ExitCode)
		if step.ExitCode != 0 && !step.Job.Final {
			c.text = strings.Clone(c.text)
			s.exits[step.Job.Index] = append(s.exits[step.Job.Index], c)
			break
		}
		s.addCommand(step.Run, step.Job, &c)
	case step.JobEnds:
		s.addJob(step.Run, step.Job)
	}
}

func (s *spans) open(run *projections.Tracker) {
	if !s.ending {
		return
	}
	run.EachOpenSh(func(job *projections.TrackedJob, sh *projections.TrackedSh) {
		c := s.command(sh)
		s.addCommand(run, job, &c)
	})
	for job := range run.Jobs() {
		if !job.Final {
			s.addJob(run, job)
		}
	}
	if run.Events > 0 { // without events, no time is known
		s.addRun(run)
	}
}

func (s *spans) command(sh *projections.TrackedSh) command {
	c := command{seq: sh.Seq, period: period{start: projections.Some(sh.StartedAtMs)}}
	if s.options.Commands {
		c.text = sh.Cmd
	}
	return c
}

func (s *spans) addCommand(run *projections.Tracker, job *projections.TrackedJob, c *command) {
	complete := job.Final && job.Outcome == domain.Complete
	span := s.task(CommandSpan(s.id, job.ID, c.seq), JobSpan(s.id, job.ID), job.ID, taskName(job.ID, c.seq))
	to := span.Attributes()
	to.PutInt(attrSeq, int64(c.seq))
	if c.exit.Valid {
		to.PutInt(attrExitCode, int64(c.exit.V))
	}
	if c.text != "" {
		to.PutStr(attrCommand, clip(c.text, maxCommand))
	}
	span.SetName(c.title(job.ID))
	c.set(span, run.LastAtMs)
	result, errorType := c.result(complete)
	judge(span, attrTaskResult, result, errorType)
	s.out.added(span)
}

// addJob adds the span of a job that has ended, or is open at the end of the stream. The spans of
// the commands that waited for it come first.
func (s *spans) addJob(run *projections.Tracker, job *projections.TrackedJob) {
	for _, c := range s.exits[job.Index] {
		s.addCommand(run, job, &c)
	}
	delete(s.exits, job.Index)
	span := s.task(JobSpan(s.id, job.ID), s.run, job.ID, clip(job.ID, maxName))
	span.SetName(display.Name(span.Name())) // some tools cannot show spans without a name
	var p period
	if job.Started {
		p.start = projections.Some(job.StartedAtMs)
	}
	result, errorType := cicd.Error, cicd.Incomplete
	if job.Final {
		p.end = projections.Some(job.FinishedAtMs)
		result, errorType = of(job.Outcome, cicd.JobFailed)
	}
	p.set(span, run.LastAtMs)
	judge(span, attrTaskResult, result, errorType)
	s.out.added(span)
}

// task begins the span of a job or a command.
func (s *spans) task(id, parent pcommon.SpanID, job, name string) ptrace.Span {
	span := s.begin(id, ptrace.SpanKindInternal)
	span.SetParentSpanID(parent)
	span.SetName(name)
	to := span.Attributes()
	to.PutStr(attrTaskName, name)
	to.PutStr(attrTaskID, id.String())
	if url := webAddress(s.labels.url, name); url != "" {
		to.PutStr(attrTaskURL, url)
	}
	to.PutStr(attrJob, clip(job, maxName))
	return span
}

func (s *spans) addRun(run *projections.Tracker) {
	span := s.begin(s.run, ptrace.SpanKindServer)
	span.SetName(strings.TrimSpace(action + " " + s.labels.pipeline))
	p := period{start: projections.Some(run.FirstAtMs)}
	result, errorType := cicd.Error, cicd.Incomplete
	switch {
	case run.Ended():
		result, errorType = of(run.Outcome, cicd.PipelineFailure)
	case !s.options.AssumeEnded || s.row.State == projections.Active:
	case s.row.State == projections.Complete:
		result = cicd.Success
	default:
		result, errorType = cicd.Failure, cicd.PipelineFailure
	}
	if run.Ended() || result != cicd.Error {
		p.end = projections.Some(run.LastAtMs)
	}
	p.set(span, run.LastAtMs)
	judge(span, attrResult, result, errorType)
	s.out.added(span)
}

func (s *spans) begin(id pcommon.SpanID, kind ptrace.SpanKind) ptrace.Span {
	span := s.out.next()
	span.SetTraceID(s.trace)
	span.SetSpanID(id)
	span.SetKind(kind)
	return span
}

// of returns the result of an ended job or run.
func of(outcome domain.Outcome, failed string) (result cicd.Result, errorType string) {
	if outcome == domain.Complete {
		return cicd.Success, ""
	}
	return cicd.Failure, failed
}
