package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/parallel"
)

// pipeline brings whole streams into a store. Its stages work side by side: runsToRead
// looks up checkpoints, prepare folds streams on all cores, group puts short runs together,
// and write commits them.
type pipeline struct {
	committer
	sources Sources
	options Options
	of      []*projections.Definition // that the store keeps
	page    int                       // how many stored runs prune looks up at once
}

func newPipeline(s Store, sources Sources, options Options) *pipeline {
	return &pipeline{committer{store: s}, sources, options, s.Projections().Stored(), prunePage}
}

// runToRead is a source, with what the store has of its run; or an error, if either was not found.
type runToRead struct {
	source Source
	known  Checkpoint
	stored bool
	keeps  bool // the store keeps streams
	err    error
	like   Checkpoint // the checkpoint of older rows, see Options.like
	liked  bool       // there are older rows
}

// lookup is how many checkpoints are looked up at once.
const lookup = 64

// A group of short runs that are written in one transaction.
const (
	groupRuns  = 256
	groupRows  = 8192
	groupBytes = 8 << 20
)

// all brings all streams into the store.
func (p *pipeline) all(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	groups, written := make(chan []*task), make(chan error, 1)
	go func() {
		var err error
		for group := range groups {
			if err == nil {
				if err = p.write(ctx, group); err != nil {
					cancel(err)
				}
			}
			for _, t := range group {
				t.end()
			}
		}
		written <- err
	}()
	if err := p.group(ctx, groups); err != nil {
		cancel(err)
	}
	close(groups)
	err := <-written // which may only be that the other end has cancelled
	return cmp.Or(context.Cause(ctx), err)
}

// group puts tasks together into groups.
func (p *pipeline) group(ctx context.Context, groups chan<- []*task) error {
	var group []*task
	runs, rows, bytes := map[domain.RunID]bool{}, 0, 0
	flush := func() {
		if len(group) > 0 {
			groups <- group
		}
		group, rows, bytes = nil, 0, 0
		clear(runs)
	}
	for t := range parallel.InOrder(ctx, p.runsToRead(ctx), func(c runToRead, yield func(*task) bool) { p.prepare(ctx, c, yield) }) {
		if t.more == nil && isStoreError(t.result.Err) {
			return t.result.Err
		}
		if t.more != nil || runs[t.run] {
			flush()
		}
		group = append(group, t)
		runs[t.run] = true
		if t.first != nil {
			rows, bytes = rows+t.first.Len(), bytes+t.bytes
		}
		if t.more != nil || len(group) == groupRuns || rows >= groupRows || bytes >= groupBytes {
			flush()
		}
	}
	flush()
	return nil
}

// write commits a group of tasks, of different runs, and reports their results in order.
func (p *pipeline) write(ctx context.Context, group []*task) error {
	if err := ctx.Err(); err != nil {
		return err // which may be why a stream was not read
	}
	p.commitTasks(ctx, group...)
	for _, t := range group {
		for tries := 0; t.stale; tries++ {
			if tries == attempts {
				return errContended(t.source.Name())
			}
			var err error
			if t, err = p.again(ctx, t.source); err != nil {
				return err
			}
			p.commitTasks(ctx, t)
			t.end()
		}
		if t.err != nil {
			return t.err
		}
		p.options.Done(t.result)
	}
	return nil
}

// commitTasks commits what tasks change.
func (p *pipeline) commitTasks(ctx context.Context, tasks ...*task) {
	var changes []*change
	for _, t := range tasks {
		if t.first != nil && !p.options.DryRun {
			changes = append(changes, &t.change)
		}
	}
	_ = p.commit(ctx, time.Time{}, changes...)
	for _, t := range tasks {
		t.conclude(ctx)
	}
}

// again makes a new task for a source, from what the store has now. An error is the store's.
func (p *pipeline) again(ctx context.Context, source Source) (*task, error) {
	batch := []runToRead{{source: source}}
	if p.look(ctx, batch); batch[0].err != nil {
		return nil, batch[0].err
	}
	first := make(chan *task, 1)
	go p.prepare(ctx, batch[0], func(t *task) bool {
		first <- t
		return true
	})
	return <-first, nil
}

// runsToRead yields the sources with what the store has of their runs.
func (p *pipeline) runsToRead(ctx context.Context) iter.Seq[runToRead] {
	return func(yield func(runToRead) bool) {
		var batch []runToRead
		flush := func() bool {
			p.look(ctx, batch)
			for _, c := range batch {
				if !yield(c) {
					return false
				}
			}
			batch = batch[:0]
			return true
		}
		for c := range all(p.sources) {
			if batch = append(batch, c); len(batch) == lookup && !flush() {
				return
			}
		}
		flush()
	}
}

// all yields sources, each with the error of finding it.
func all(sources Sources) iter.Seq[runToRead] {
	return func(yield func(runToRead) bool) {
		for source, err := range sources.All() {
			if !yield(runToRead{source: source, err: err}) {
				return
			}
		}
	}
}

// look looks up what the store has of the runs of a batch.
func (p *pipeline) look(ctx context.Context, batch []runToRead) {
	var runs []domain.RunID
	for _, c := range batch {
		if c.err == nil && CheckRunID(c.source.Run()) == nil {
			runs = append(runs, c.source.Run())
		}
	}
	if len(runs) == 0 {
		return
	}
	stored, err := p.store.Checkpoints(ctx, runs)
	like := map[domain.RunID]Checkpoint{}
	if p.options.like != nil && err == nil {
		like, err = p.options.like.Checkpoints(ctx, runs)
	}
	keeps := false
	if err == nil {
		keeps, err = p.store.Keeps(ctx)
	}
	for i := range batch {
		switch c := &batch[i]; {
		case c.err != nil: // such as a second stream of one of the runs
		case err != nil:
			c.err = &storeError{fmt.Errorf("reading checkpoints: %w", err)}
		default:
			c.known, c.stored = stored[c.source.Run()]
			c.like, c.liked = like[c.source.Run()]
			c.keeps = keeps
		}
	}
}

// storeError marks an error as the store's, where one of a stream is expected.
type storeError struct{ error }

func (e *storeError) Unwrap() error { return e.error }

func isStoreError(err error) bool {
	var failed *storeError
	return errors.As(err, &failed)
}
