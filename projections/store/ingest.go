package store

import (
	"context"
	"fmt"
	"iter"

	"github.com/quire-ci/quire-project/domain"
)

// Ingest brings the rows of one run up to its stream, in one transaction. An
// error says that nothing was written: it is the stream's, a *[projections.NewerError],
// or the store's. The same Ingest again does what could not be done.
func Ingest(ctx context.Context, s Store, source Source, options Options) (Result, error) {
	p := newPipeline(s, single{source}, options)
	t, err := p.again(ctx, source)
	if err != nil {
		return Result{}, err
	}
	if err := p.writer.write(ctx, []*task{t}); err != nil {
		return t.result, err
	}
	return p.last, p.last.Err
}

// single are the streams of a command that names just one.
type single struct{ Source }

func (s single) All() iter.Seq2[Source, error] {
	return func(yield func(Source, error) bool) { yield(s.Source, nil) }
}

// Single returns the sources that consist of one.
func Single(source Source) Sources { return single{source} }

// pipeline takes streams into a store.
type pipeline struct {
	store   Store
	sources Sources
	options Options
	prepare preparer
	writer  writer
	page    int // of stored runs that prune looks for at once
	last    Result
}

func newPipeline(s Store, sources Sources, options Options) *pipeline {
	p := &pipeline{store: s, sources: sources, options: options, page: prunePage}
	tell := options.Done
	p.options.Done = func(result Result) {
		p.last = result
		if tell != nil {
			tell(result)
		}
	}
	p.prepare = preparer{options: options, of: s.Projections().Stored()}
	p.writer = writer{store: s, options: &p.options, again: p.again}
	return p
}

// again makes work of a source, by what is stored now.
func (p *pipeline) again(ctx context.Context, source Source) (*task, error) {
	run := source.Run()
	stored, err := p.store.Checkpoints(ctx, []domain.RunID{run})
	if err != nil {
		return nil, fmt.Errorf("reading the checkpoint: %w", err)
	}
	known, ok := stored[run]
	first := make(chan *task, 1)
	go p.prepare.prepare(ctx, source, known, ok, func(t *task) bool {
		first <- t
		return true
	})
	return <-first, nil
}
