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

// Result is the result of a run.
type Result struct {
	// Outcome is Complete if all jobs are complete, otherwise Failed.
	Outcome domain.Outcome
	// Jobs are the jobs that ran, in order. Only the last one can have failed.
	Jobs []JobResult
}

// JobResult is the result of a job.
type JobResult struct {
	ID      string
	Outcome domain.Outcome
	// Err is why the job failed, or nil.
	Err error
}

// Run runs the jobs in order, up to the first one that fails, and
// returns after it has recorded that. The error is nil if the run is complete. Otherwise it is
//
//   - a [*RecordError] if something could not be recorded;
//   - an error that wraps the context's cause, if the context ended before the run;
//   - a [*FailedError] if a job failed.
//
// Any other error reports options that are not valid; nothing was run then.
func (p *Pipeline) Run(ctx context.Context, options Options) (Result, error) {
	r, err := options.prepare(ctx)
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	if r.labels != (domain.Labels{}) {
		_ = r.record(Progress{Event: domain.NewRunStarted(r.atMs(), r.labels)}) // end returns the error
	}
	for i := range p.jobs {
		if !r.job(&p.jobs[i]) {
			break
		}
	}
	return r.end(len(p.jobs))
}

// run is one run of a pipeline.
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

	place place    // for jobs without settings of their own
	null  *os.File // standard input of commands

	// ctx ends when the run must stop.
	ctx    context.Context
	stop   context.CancelCauseFunc
	unhook func() bool // from kill

	// Commands do not overlap, so all of them share these.
	stdout, stderr *stream

	mu         sync.Mutex
	unrecorded *RecordError // the first one, or the one of the event stream

	result Result
}

func (r *run) close() {
	r.unhook()
	r.stop(nil)
	r.null.Close()
	r.logs.end()
}

// job runs a job, and reports whether the run can continue.
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

// end records the end of a run with this number of jobs.
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
	_ = r.record(Progress{Event: domain.NewRunFinished(r.atMs(), r.result.Outcome)}) // recordError has the error
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

// record writes an event to the stream. After the first event that the sink did not accept, it
// records no more.
func (r *run) record(progress Progress) error {
	if err := r.recordError(); err != nil && err.Log == "" {
		return err
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

// failRecord stops the run because something cannot be recorded.
func (r *run) failRecord(err *RecordError) error {
	r.mu.Lock()
	if r.unrecorded == nil || err.Log == "" {
		r.unrecorded = err
	}
	r.mu.Unlock()
	r.stop(err)
	return err
}

func (r *run) recordError() *RecordError {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.unrecorded
}
