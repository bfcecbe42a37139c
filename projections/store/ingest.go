package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Options are the options of [Ingest], [IngestAll] and [Rebuild].
type Options struct {
	// Tables are the tables to write; nil means all. If they are only some, Ingest rewrites these
	// tables for a run that is up to date. Any other run is written as a whole, since rows of
	// different moments are never mixed.
	Tables []*projections.Definition
	// Force derives the rows again even if they are up to date.
	Force bool
	// DryRun writes nothing, and reports what would be done.
	DryRun bool
	// Prune removes runs that have no stream. Ingest ignores it.
	Prune bool
	// Keep keeps the previous rows, if a Rebuild builds new ones beside them, until the next
	// such Rebuild: for [Rollback].
	Keep bool
	// Done, if set, is called with the result of each run, in the order of the streams, when the
	// result is safely stored.
	Done func(Result)

	// like, if set, is a store with older rows of the same runs: streams that it has are read in
	// the same way as then, and derived again.
	like  Store
	batch int // rows in a batch, for tests
}

// reporting returns options that pass results to report, too.
func (o Options) reporting(report func(Result)) Options {
	done := o.Done
	o.Done = func(result Result) {
		report(result)
		if done != nil {
			done(result)
		}
	}
	return o
}

// Outcome says what happened to a run's rows.
type Outcome string

// The outcomes.
const (
	// Unchanged: the rows were up to date.
	Unchanged Outcome = "unchanged"
	// Added: the run was not stored.
	Added Outcome = "added"
	// Continued: the stream had grown, and the new events were added.
	Continued Outcome = "continued"
	// Rewritten: the stream differs from the one that the rows were derived from, and
	// was folded from its start.
	Rewritten Outcome = "rewritten"
	// Derived: the rows were derived again because you asked for it, or because they
	// had been derived by other projections or with other read options.
	Derived Outcome = "derived"
	// Skipped: the stream could not be read; the rows are those from before.
	Skipped Outcome = "skipped"
	// Pruned: the run has no stream any more, and its rows were removed.
	Pruned Outcome = "pruned"
)

// Result is the result of one run.
type Result struct {
	RunID domain.RunID
	// Source is the name of its stream. Before is the name of the stream that the stored rows came
	// from, if that was another one.
	Source, Before string
	Outcome        Outcome
	// Events is how many the stream has, Rows how many rows were written.
	Events int64
	Rows   int
	// Err is why the stream was skipped.
	Err error
}

// Words says that the rows of a run were [Rewritten].
func (r Result) Words() string {
	before := ""
	if r.Before != "" {
		before = " (" + r.Before + ")"
	}
	return fmt.Sprintf("run %s: the stream is not the one that was read%s; its rows were derived again from its start", r.RunID, before)
}

// Summary counts the results of an [IngestAll] or a [Rebuild].
type Summary struct {
	// Runs counts the runs by their outcome.
	Runs map[Outcome]int
	// Outdated are the runs that, after a [Rebuild], still lack a projection or have
	// another version of it: their streams are gone, or were skipped.
	Outdated []domain.RunID
	// Events counts the events of all folded streams, and Rows the written rows.
	Events, Rows int64
}

// String counts runs by their outcomes, as in "12 runs: 10 unchanged, 1 added, 1 skipped".
func (s Summary) String() string {
	var parts []string
	runs := 0
	for _, outcome := range []Outcome{Unchanged, Added, Continued, Rewritten, Derived, Skipped, Pruned} {
		if n := s.Runs[outcome]; n > 0 {
			runs += n
			words := string(outcome)
			if outcome == Derived {
				words = "derived again"
			}
			parts = append(parts, fmt.Sprintf("%d %s", n, words))
		}
	}
	switch runs {
	case 0:
		return "no run was read"
	case 1:
		return "1 run: " + parts[0]
	}
	return fmt.Sprintf("%d runs: %s", runs, strings.Join(parts, ", "))
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

// Ingest updates the rows of one run from its stream, in one transaction. If it returns an error,
// it has written nothing: the error is the stream's or the store's, such as an [ErrOtherVersion].
// You can call it again.
func Ingest(ctx context.Context, s Store, source Source, options Options) (last Result, err error) {
	p := newPipeline(s, Single(source), options.reporting(func(result Result) { last = result }))
	t, err := p.again(ctx, source)
	if err != nil {
		return Result{}, err
	}
	defer t.end()
	if err := p.write(ctx, []*task{t}); err != nil {
		return t.result, err
	}
	return last, last.Err
}

// IngestAll updates the rows of all runs from their streams, in parallel on all cores. It writes
// many short runs in one transaction, and a long run in its own. The old rows of a run are removed
// in the transaction that writes the new ones, so readers never miss a run. A stream that cannot be
// read is skipped; a returned error is the store's, such as an [ErrOtherVersion], or the context's.
// To complete the work, call it again.
func IngestAll(ctx context.Context, s Store, sources Sources, options Options) (Summary, error) {
	summary := Summary{Runs: map[Outcome]int{}}
	p := newPipeline(s, sources, options.reporting(summary.add))
	err := CheckVersions(ctx, s)
	if err == nil || options.DryRun && errors.As(err, new(*projections.OlderError)) {
		err = p.all(ctx)
	}
	if err == nil && options.Prune {
		err = p.prune(ctx)
	}
	return summary, err
}

// outdatedPage is how many outdated runs are looked for at once.
const outdatedPage = 10_000

// Rebuild is [IngestAll], and lists the runs that are not up to date then. If the rows are of an
// older version of a projection, it derives all rows beside them, and switches to these at once:
// until then, everybody can read and write the older ones.
func Rebuild(ctx context.Context, s Store, sources Sources, options Options) (summary Summary, err error) {
	v, older := s.(Versioned)
	if older = older && !options.DryRun; older {
		if err := v.Drop(ctx); err != nil { // what an interrupted rebuild has left
			return summary, err
		}
		if older, err = IsOlder(ctx, s); err != nil {
			return summary, err
		}
	}
	if older {
		summary, err = rebuildBeside(ctx, v, sources, options)
	} else {
		summary, err = IngestAll(ctx, s, sources, options)
	}
	if err == nil && !options.DryRun {
		summary.Outdated, err = AllOutdated(ctx, s)
	}
	return summary, err
}

// AllOutdated returns the runs of [Store.Outdated], however many there are.
func AllOutdated(ctx context.Context, s Store) (all []domain.RunID, err error) {
	for page, err := range Pages(ctx, outdatedPage, s.Outdated) {
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
	}
	return all, nil
}
