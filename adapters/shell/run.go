package shell

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/quire-ci/quire-project/domain"
)

// Result is how a run went.
type Result struct {
	// Outcome is that of the run: Complete if all jobs are, else Failed.
	Outcome domain.Outcome
	// Jobs are those that have run, in that order. Only the last one can have failed.
	Jobs []JobResult
}

// JobResult is how a job went.
type JobResult struct {
	ID      string
	Outcome domain.Outcome
	// Err is why the job has failed; nil for one that is complete.
	Err error
}

// Run runs the jobs in their order, up to the first one that fails, and
// returns when that is recorded. The error is nil if the run is complete. Otherwise it is
//
//   - a [*RecordError] if something could not be recorded;
//   - an error that wraps the context's cause, if the context has ended before
//     the run did;
//   - a [*FailedError] if a job has failed.
//
// Any other error says that options do not fit, and that nothing was done.
func (p *Pipeline) Run(ctx context.Context, options Options) (Result, error) {
	r, err := options.prepare()
	if err != nil {
		return Result{}, err
	}
	if err := r.open(ctx); err != nil {
		return Result{}, err
	}
	defer r.close()
	if r.labels != (domain.Labels{}) {
		_ = r.record(Progress{Event: domain.NewRunStarted(r.atMs(), r.labels)}) // r knows
	}
	for i := range p.jobs {
		if !r.job(&p.jobs[i]) {
			break
		}
	}
	return r.end(len(p.jobs))
}

// run is a pipeline that runs.
type run struct {
	sink    Sink
	observe func(Progress)
	now     func() time.Time
	logs    *logs
	secrets *secrets
	labels  domain.Labels
	grace   time.Duration
	kill    context.Context

	maxLog int64
	output io.Writer

	place place    // of jobs that do not say anything else
	null  *os.File // standard input of commands

	// ctx ends when the run is to stop.
	ctx  context.Context
	stop context.CancelCauseFunc
	// unhook ends the looking for the end of kill.
	unhook func() bool

	// Commands do not overlap, so that all of them share these.
	stdout, stderr *stream

	mu         sync.Mutex
	unrecorded *RecordError // the first one

	result Result
}

func (r *run) open(ctx context.Context) (err error) {
	if r.null, err = os.Open(os.DevNull); err != nil {
		r.logs.end()
		return err
	}
	r.ctx, r.stop = context.WithCancelCause(ctx)
	r.unhook = context.AfterFunc(r.kill, func() { r.stop(context.Cause(r.kill)) })
	r.stdout, r.stderr = newStream("stdout", r.secrets), newStream("stderr", r.secrets)
	return nil
}

func (r *run) close() {
	r.unhook()
	r.stop(nil)
	r.null.Close()
	r.logs.end()
}

// job runs a job, and reports whether the run may go on.
func (r *run) job(job *Job) bool {
	if r.ctx.Err() != nil {
		return false
	}
	if r.record(Progress{Event: domain.NewJobStarted(r.atMs(), job.ID)}) != nil {
		return false
	}
	result := JobResult{ID: job.ID, Outcome: domain.Complete, Err: newShell(r, job).body(job)}
	if result.Err != nil {
		result.Outcome = domain.Failed
	}
	r.result.Jobs = append(r.result.Jobs, result)
	err := r.record(Progress{Event: domain.NewJobFinished(r.atMs(), job.ID, result.Outcome), Err: result.Err})
	return err == nil && result.Err == nil
}

// end records the end of the run, which had so many jobs to do.
func (r *run) end(jobs int) (Result, error) {
	var failed *FailedError
	done := 0
	for _, job := range r.result.Jobs {
		if job.Err != nil {
			failed = &FailedError{JobID: job.ID, Err: job.Err}
		} else {
			done++
		}
	}
	r.result.Outcome = domain.Failed
	if done == jobs {
		r.result.Outcome = domain.Complete
	}
	_ = r.record(Progress{Event: domain.NewRunFinished(r.atMs(), r.result.Outcome)}) // r knows
	switch err := r.recordError(); {
	case err != nil:
		return r.result, err
	case done == jobs:
		return r.result, nil
	case r.ctx.Err() != nil:
		return r.result, fmt.Errorf("the run was stopped before its end: %w", context.Cause(r.ctx))
	}
	return r.result, failed
}

func (r *run) atMs() int64 { return r.now().UnixMilli() }

// record puts an event in the stream. After one that could not be recorded
// there are no more of them.
func (r *run) record(progress Progress) error {
	r.mu.Lock()
	broken := r.unrecorded != nil && r.unrecorded.Log == ""
	r.mu.Unlock()
	if broken {
		return r.recordError()
	}
	if r.sink != nil {
		if err := r.sink.Emit(progress.Event); err != nil {
			return r.failRecord(&RecordError{Err: err})
		}
	}
	if r.observe != nil {
		r.observe(progress)
	}
	return nil
}

// failRecord stops the run, because something cannot be recorded.
func (r *run) failRecord(err *RecordError) error {
	r.mu.Lock()
	if r.unrecorded == nil || err.Log == "" {
		r.unrecorded = err
	}
	r.mu.Unlock()
	r.stop(err)
	return err
}

func (r *run) recordError() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unrecorded == nil {
		return nil
	}
	return r.unrecorded
}
