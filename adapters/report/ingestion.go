package report

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Ingestion updates the rows of a store from streams, and reports what happens.
type Ingestion struct {
	// Say is called with each line for the user, and Failed with the error of each stream that
	// cannot be read.
	Say    func(words string)
	Failed func(error)
	// Run, if set, is called with the row of each run.
	Run func(*projections.Run)
	// Changes receives a line for each run that a dry run would change.
	Changes io.Writer

	ctx     context.Context
	store   store.Store
	dry     *bufio.Writer // nil unless it is a dry run
	skipped []store.Result
	err     error // of reading the row of a run
	// renewed are the runs that were derived from the streams that the store keeps, before the others
	// were read; again counts those of them that had not changed since.
	renewed map[domain.RunID]bool
	again   int
}

func (i *Ingestion) begin(ctx context.Context, s store.Store, options store.Options) store.Options {
	i.ctx, i.store = ctx, s
	if options.DryRun {
		i.dry = bufio.NewWriter(Output{i.Changes})
	}
	options.Done = i.done
	return options
}

// Ingest calls [store.IngestAll]. It also reports how the store's projections differ from the
// program's.
func (i *Ingestion) Ingest(ctx context.Context, s store.Store, streams jsonl.Streams) error {
	summary, err := store.IngestAll(ctx, s, streams, i.begin(ctx, s, store.Options{}))
	if err = cmp.Or(err, i.err); err != nil {
		return err
	}
	if streams.Many() {
		i.Say(summary.String())
	}
	if outdated, err := s.Outdated(ctx, "", 1); err == nil && len(outdated) > 0 {
		i.Say(fmt.Sprintf("the store has runs whose rows of %s are missing or of another version, such as run %s; quire-project rebuild derives them", i.stale(outdated[0]), outdated[0]))
	}
	if words := UnknownProjections(ctx, s); words != "" {
		i.Say(words)
	}
	return nil
}

// Rebuild calls [store.Rebuild]. It also names the runs whose rows stay as they are because they
// have no stream.
func (i *Ingestion) Rebuild(ctx context.Context, s store.Store, streams jsonl.Streams, options store.Options) error {
	options = i.begin(ctx, s, options)
	summary, err := store.Rebuild(ctx, s, streams, options)
	if options.DryRun {
		err = cmp.Or(i.dry.Flush(), err)
	}
	if err = cmp.Or(err, i.err); err != nil {
		return err
	}
	summary.Runs[store.Derived] += i.again + len(i.renewed) // these have no other stream
	summary.Runs[store.Unchanged] -= i.again
	words := summary.String()
	if options.DryRun {
		words = "dry run, nothing was changed: " + words
	}
	gone := slices.DeleteFunc(summary.Outdated, func(run domain.RunID) bool {
		return slices.ContainsFunc(i.skipped, func(result store.Result) bool { return result.RunID == run })
	})
	i.sayOutdated(gone)
	i.Say(words)
	for _, result := range i.skipped {
		i.Say("skipped: " + result.Err.Error())
	}
	return nil
}

// Prune calls [store.Prune].
func (i *Ingestion) Prune(ctx context.Context, s store.Store, retention store.Retention, options store.Options) error {
	summary, err := store.Prune(ctx, s, retention, i.begin(ctx, s, options))
	words := display.Plural(summary.Runs[store.Pruned], "run") + " pruned"
	if options.DryRun {
		words = "dry run, nothing was changed: " + words
		err = cmp.Or(i.dry.Flush(), err)
	}
	i.Say(words)
	return err
}

func (i *Ingestion) done(result store.Result) {
	if i.renewed[result.RunID] {
		delete(i.renewed, result.RunID)
		if result.Outcome == store.Unchanged {
			i.again++
		}
	}
	switch {
	case result.Outcome == store.Skipped:
		if i.dry != nil {
			_ = i.dry.Flush() // write the known changes before reporting the error; Flush returns its own error again later
		}
		i.Failed(result.Err)
		i.skipped = append(i.skipped, result)
		return
	case i.dry != nil && result.Outcome != store.Unchanged:
		fmt.Fprintf(i.dry, "%s %s\n", result.Outcome, Printable(string(result.RunID)))
	case i.dry == nil && result.Outcome == store.Rewritten:
		i.Say(result.Words())
	}
	if i.Run != nil && result.Outcome != store.Pruned && i.err == nil {
		row, err := store.ReadRun(i.ctx, i.store, result.RunID)
		if i.err = err; err == nil {
			i.Run(&row.Run)
		}
	}
}

// UnknownProjections describes the tables of a store that the program does not know; "" if there
// are none.
func UnknownProjections(ctx context.Context, s store.Store) string {
	names, err := store.Unknown(ctx, s)
	if err != nil || len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("the store has projections that this program does not know (%s); it leaves their rows as they are", Printable(strings.Join(names, ", ")))
}

// stale names the projections whose rows of a run are missing or outdated.
func (i *Ingestion) stale(run domain.RunID) string {
	names, _ := store.Stale(i.ctx, i.store, run)
	return cmp.Or(strings.Join(names, ", "), "some projections")
}

// maxOutdated is the maximum number of outdated runs to name.
const maxOutdated = 20

// sayOutdated names runs that still lack a projection or have another version of it.
func (i *Ingestion) sayOutdated(gone []domain.RunID) {
	if len(gone) == 0 {
		return
	}
	names := make([]string, 0, maxOutdated+1)
	for _, run := range gone[:min(len(gone), maxOutdated)] {
		names = append(names, Printable(string(run)))
	}
	if more := len(gone) - maxOutdated; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	i.Say(fmt.Sprintf("%s without a stream: the rows stay as they were, of another version or without some projections (%s); quire-project versions lists them, and --prune removes them",
		display.Plural(len(gone), "run"), strings.Join(names, ", ")))
}
