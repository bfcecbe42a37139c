package store

import (
	"context"
	"errors"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/parallel"
)

// Verified is the result of comparing a run.
type Verified struct {
	RunID  domain.RunID
	Source string
	// Differences counts the differences that make rows wrong: all but [Behind].
	Differences int
	// Behind means that the stream has grown since it was read. The rows are compared with the part
	// that was read.
	Behind bool
	// Force means that rows are wrong although their checkpoint matches the stream, so that
	// [Rebuild] derives them again only with Options.Force.
	Force bool
	// Err is why the stream was skipped.
	Err error
}

// VerifyOptions are the options of [Verify].
type VerifyOptions struct {
	// Tables are compared; nil means all of them.
	Tables []*projections.Definition
	// Found, if set, is called with each difference, and Done, if set, at the end of each run, in
	// the order of the streams.
	Found func(Difference)
	Done  func(Verified)
}

// Verify folds streams again and compares each row with the stored one, side by side on all
// cores. If a stream has grown since, Verify folds what had been read of it. It writes
// nothing. An error is the store's, [ErrOtherVersion] if the store is newer for instance, or
// the context's.
func Verify(ctx context.Context, s Store, sources Sources, options VerifyOptions) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := CheckVersions(ctx, s); err != nil && !errors.As(err, new(*projections.OlderError)) {
		return err
	}
	if options.Tables == nil {
		options.Tables = s.Projections().Stored()
	}
	verify := func(c runToRead, yield func(verifying) bool) {
		end := &Verified{RunID: c.source.Run(), Source: c.source.Name(), Err: c.err}
		if end.Err == nil {
			end.Err = verifyRun(ctx, s, c.source, options.Tables, end, func(d Difference) {
				d.RunID = end.RunID
				yield(verifying{difference: &d})
			})
		}
		yield(verifying{end: end})
	}
	for item := range parallel.InOrder(ctx, all(sources), verify) {
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

// verifying is a step of a verification: a difference, or the end of a run.
type verifying struct {
	difference *Difference
	end        *Verified
}

// verifyRun compares one run.
func verifyRun(ctx context.Context, s Store, source Source, tables []*projections.Definition, verified *Verified, report func(Difference)) error {
	if err := CheckRunID(source.Run()); err != nil {
		return &SourceError{source.Name(), err}
	}
	var failed error // the stream's
	var c runComparison
	err := s.View(ctx, source.Run(), func(snapshot Snapshot) (err error) {
		c = runComparison{of: s.Projections().Stored(), tables: tables, source: source, snapshot: snapshot, verified: verified, report: report}
		failed, err = c.run(ctx)
		return err
	})
	if err == nil && failed == nil && c.stored && !c.silent {
		err = c.compareKept(ctx, s) // outside of the transaction, which would need two connections
	}
	if err != nil && ctx.Err() == nil {
		return &storeError{err}
	}
	return errors.Join(failed, ctx.Err())
}
