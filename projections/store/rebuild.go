package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/parallel"
)

// Summary counts what became of the runs of an [IngestAll] or a [Rebuild].
type Summary struct {
	// Runs counts the runs by their outcome.
	Runs map[Outcome]int
	// Outdated are the runs that lack a projection still, or have an older version of it,
	// after a [Rebuild]: their streams are gone, or were set aside.
	Outdated []domain.RunID
	// Events are those of all streams that were folded, Rows those written.
	Events, Rows int64
}

func (s *Summary) add(result Result) {
	if result.RunID == "" {
		return // a folder that cannot be read, or holds no stream, is no run
	}
	s.Runs[result.Outcome]++
	if result.Outcome != Unchanged {
		s.Events += result.Events
		s.Rows += int64(result.Rows)
	}
}

// IngestAll brings the rows of all runs up to their streams: side by side on
// all cores, many short runs in one transaction, a long one in one of its own. A
// run is replaced in the transaction that removes its old rows, so that no
// reader misses one that was there. A stream that cannot be read is set aside;
// an error is the store's, a *[projections.NewerError] among them, or the context's.
// The same again goes on where it was.
func IngestAll(ctx context.Context, s Store, sources Sources, options Options) (Summary, error) {
	summary := Summary{Runs: map[Outcome]int{}}
	tell := options.Done
	options.Done = func(result Result) {
		summary.add(result)
		if tell != nil {
			tell(result)
		}
	}
	p := newPipeline(s, sources, options)
	err := p.all(ctx)
	if err == nil && options.Prune {
		err = p.prune(ctx)
	}
	return summary, err
}

// Rebuild is [IngestAll], and finds out then which runs are not brought up to date.
func Rebuild(ctx context.Context, s Store, sources Sources, options Options) (Summary, error) {
	summary, err := IngestAll(ctx, s, sources, options)
	for after := domain.RunID(""); err == nil && !options.DryRun; {
		var page []domain.RunID
		page, err = s.Outdated(ctx, after, outdatedPage)
		summary.Outdated = append(summary.Outdated, page...)
		if len(page) < outdatedPage {
			break
		}
		after = page[len(page)-1]
	}
	return summary, err
}

// outdatedPage is how many outdated runs are looked for at once.
const outdatedPage = 10_000

// candidate is a source, what is stored of its run, and what went wrong with
// finding either.
type candidate struct {
	source Source
	known  Checkpoint
	stored bool
	err    error
}

// lookup is how many checkpoints are looked up at once.
const lookup = 64

// A group of short runs that are written in one transaction.
const (
	groupRuns  = 256
	groupRows  = 8192
	groupBytes = 8 << 20
)

// all takes all streams into the store.
func (p *pipeline) all(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	groups, written := make(chan []*task), make(chan error, 1)
	go func() {
		var err error
		for group := range groups {
			if err == nil {
				if err = p.writer.write(ctx, group); err != nil {
					cancel(err)
				}
			}
			for _, t := range group {
				t.abandon()
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

// group puts work together into groups.
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
	for t := range parallel.InOrder(ctx, p.candidates(ctx), p.work(ctx)) {
		if t.more == nil && isStoreError(t.result.Err) {
			return t.result.Err
		}
		if t.more != nil || runs[t.source.Run()] {
			flush()
		}
		group = append(group, t)
		runs[t.source.Run()] = true
		if t.writes() {
			rows, bytes = rows+t.rows.Len(), bytes+t.bytes
		}
		if t.more != nil || len(group) == groupRuns || rows >= groupRows || bytes >= groupBytes {
			flush()
		}
	}
	flush()
	return nil
}

// work makes work of candidates.
func (p *pipeline) work(ctx context.Context) func(candidate, func(*task) bool) {
	return func(c candidate, yield func(*task) bool) {
		if c.err != nil {
			t := &task{source: c.source, stop: func() {}, result: Result{RunID: c.source.Run(), Source: c.source.Name()}}
			yield(t.skip(c.err))
			return
		}
		p.prepare.prepare(ctx, c.source, c.known, c.stored, yield)
	}
}

// candidates yields the sources with what is stored of their runs.
func (p *pipeline) candidates(ctx context.Context) iter.Seq[candidate] {
	return func(yield func(candidate) bool) {
		var batch []candidate
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
		for source, err := range p.sources.All() {
			batch = append(batch, candidate{source: source, err: err})
			if len(batch) == lookup && !flush() {
				return
			}
		}
		flush()
	}
}

// look looks up what is stored of the candidates' runs.
func (p *pipeline) look(ctx context.Context, batch []candidate) {
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
	for i := range batch {
		c := &batch[i]
		if err != nil && c.err == nil {
			c.err = &storeError{fmt.Errorf("reading checkpoints: %w", err)}
			continue
		}
		c.known, c.stored = stored[c.source.Run()]
	}
}

// storeError is an error of the store where one of a stream is looked for.
type storeError struct{ error }

func (e *storeError) Unwrap() error { return e.error }

func isStoreError(err error) bool {
	var failed *storeError
	return errors.As(err, &failed)
}
