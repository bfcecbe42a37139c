package store

import (
	"cmp"
	"context"
	"errors"
	"iter"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/parallel"
)

// Verified says how a run compares.
type Verified struct {
	RunID  domain.RunID
	Source string
	// Differences counts them.
	Differences int
	// Err is why the stream was set aside.
	Err error
}

// VerifyOptions are those of [Verify].
type VerifyOptions struct {
	// Tables are those that are compared; 0 means all of them.
	Tables Tables
	// Found, when set, is called with each difference, in the order of the
	// streams, and Done, when set, when a run is through.
	Found func(Difference)
	Done  func(Verified)
}

// Verify folds streams again and compares each row with the stored one, side
// by side on all cores. It writes nothing. An error is the store's, or the context's.
func Verify(ctx context.Context, s Store, sources Sources, options VerifyOptions) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	v := &verifier{store: s, options: options, tables: cmp.Or(options.Tables, AllTables)}
	for item := range parallel.InOrder(ctx, all(sources), v.verify(ctx)) {
		switch {
		case ctx.Err() != nil:
		case item.difference != nil:
			if options.Found != nil {
				options.Found(*item.difference)
			}
		case isStoreError(item.end.Err):
			cancel(item.end.Err)
		case options.Done != nil:
			options.Done(*item.end)
		}
	}
	return context.Cause(ctx)
}

// all yields sources, each with what went wrong with finding it.
func all(sources Sources) iter.Seq[candidate] {
	return func(yield func(candidate) bool) {
		for source, err := range sources.All() {
			if !yield(candidate{source: source, err: err}) {
				return
			}
		}
	}
}

type verifier struct {
	store   Store
	options VerifyOptions
	tables  Tables
}

// verifying is a step of a verification: a difference, or the end of a run.
type verifying struct {
	difference *Difference
	end        *Verified
}

func (v *verifier) verify(ctx context.Context) func(candidate, func(verifying) bool) {
	return func(c candidate, yield func(verifying) bool) {
		end := Verified{RunID: c.source.Run(), Source: c.source.Name(), Err: c.err}
		if end.Err == nil {
			end.Err = v.run(ctx, c.source, func(d Difference) {
				d.RunID = end.RunID
				end.Differences++
				yield(verifying{difference: &d})
			})
		}
		yield(verifying{end: &end})
	}
}

// run compares one run.
func (v *verifier) run(ctx context.Context, source Source, report func(Difference)) error {
	if err := CheckRunID(source.Run()); err != nil {
		return &SourceError{source.Name(), err}
	}
	stream, err := source.Open(ctx, domain.Mark{})
	if err != nil {
		return err
	}
	defer stream.Close()
	var failed error // of the stream
	err = v.store.View(ctx, source.Run(), func(snapshot Snapshot) error {
		var err error
		failed, err = v.compare(source, stream, snapshot, report)
		return err
	})
	if err != nil && ctx.Err() == nil {
		return &storeError{err}
	}
	return errors.Join(failed, ctx.Err())
}

// compare folds the stream of a run and compares it with a snapshot. The
// first error is the stream's, the second the store's.
func (v *verifier) compare(source Source, stream Stream, snapshot Snapshot, report func(Difference)) (failed, err error) {
	checkpoint, stored, err := snapshot.Checkpoint()
	if err != nil {
		return nil, err
	}
	row, hasRow, err := snapshot.Run()
	if err != nil {
		return nil, err
	}
	differs := false
	tell := func(d Difference) {
		differs = true
		report(d)
	}
	t := newTables(v.tables, snapshot, tell)
	defer t.stop()
	if !stored && !hasRow && t.empty() {
		t.silent = true // that the run is missing says it all
	}
	fold := t.fold(source.Run())
	if failed := fold.Drain(stream); failed != nil {
		return failed, nil
	}
	fold.Open()
	if v.tables.Has(TableRuns) || t.silent {
		compareRow("runs", row, hasRow, t.run, tell)
	}
	if err := t.end(); err != nil || differs || !stored {
		return nil, err // which says more than the checkpoint would
	}
	now := Checkpoint{Mark: stream.Mark(), End: stream.End(), Events: fold.Run().Events, Reducers: projections.Version}
	compareRow("checkpoints", provenanceOf(checkpoint), true, provenanceOf(now), tell)
	return nil, nil
}
