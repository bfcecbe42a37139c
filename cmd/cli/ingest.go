package cli

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/adapters/terminal"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// ingest updates a store's rows.
func (p *app) ingest(ctx context.Context, paths []string, flags projectFlags) (err error) {
	switch {
	case flags.output != "":
		return command.Usage("-o goes with a report; a store has a place of its own")
	case len(flags.projections) > 0:
		return command.Usage("--projection goes with a report; a store is given all rows, and rebuild --projection writes some of them anew")
	case !flags.selection.IsZero():
		return command.Usage("--failed, --job, --slower-than and --top go with a report; a store is given all rows")
	case flags.logs != "":
		return command.Usage("--logs goes with a report; a store has no logs")
	case flags.pretty:
		return command.Usage("--pretty goes with --to json, not with a store")
	}
	if err := cmp.Or(checkStore(flags.to), flags.exitStatus.check()); err != nil {
		return err
	}
	streams, err := flags.findRuns(paths)
	if err != nil {
		return err
	}
	s, err := p.open(ctx, flags.to, stores.Options{}, streams)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, s.Close()) }()
	r := &ingestion{work: p.begin(&streams, false), ctx: ctx, store: s, exitStatus: flags.exitStatus}
	defer r.Stop()
	summary, err := store.IngestAll(ctx, s, streams, store.Options{Done: r.done})
	if err == nil {
		if streams.Many() {
			say(r, summary.String())
		}
		r.remind()
	}
	return r.end(err, streams)
}

// rebuildFlags are the flags of rebuild.
type rebuildFlags struct {
	readFlags
	tables  []string
	to      string
	options store.Options
}

func newRebuild(p *app) *cobra.Command {
	var flags rebuildFlags
	cmd := p.reading("rebuild", p.someSources, func(ctx context.Context, args []string) error { return p.rebuild(ctx, args, flags) })
	addStore(cmd, &flags.to)
	p.addTables(cmd, &flags.tables, "derive these again for runs whose streams are unchanged:\n%s\n(runs whose streams have changed are written as a whole)")
	cmd.Flags().BoolVar(&flags.options.DryRun, "dry-run", false, "change nothing; print each run that would change, and how")
	cmd.Flags().BoolVar(&flags.options.Prune, "prune", false, "remove the runs that have no stream in the folder any more")
	cmd.Flags().BoolVar(&flags.options.Force, "force", false, "derive the rows of unchanged runs as well")
	flags.readFlags.add(cmd)
	return cmd
}

// rebuild derives a store's rows again.
func (p *app) rebuild(ctx context.Context, paths []string, flags rebuildFlags) (err error) {
	options := flags.options
	if options.Tables, err = p.tables(flags.tables); err != nil {
		return err
	}
	if err := checkStore(flags.to); err != nil {
		return err
	}
	streams, err := flags.findRuns(paths)
	if err != nil {
		return err
	}
	if options.Prune && !streams.HasFolder() {
		return command.Usage("--prune removes the runs that have no stream, and needs the folder of all streams to know; name that")
	}
	s, err := p.open(ctx, flags.to, stores.Options{Remake: !options.DryRun, OrEmpty: options.DryRun}, streams)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, s.Close()) }()
	r := &ingestion{work: p.begin(&streams, options.DryRun && terminal.Of(p.Out) != nil), ctx: ctx, store: s}
	words := ""
	if options.DryRun {
		r.changes = bufio.NewWriter(report.Output{Writer: p.Out})
		words = "dry run, nothing was changed: "
	}
	options.Done = r.done
	summary, err := store.Rebuild(ctx, s, streams, options)
	if options.DryRun {
		err = cmp.Or(r.changes.Flush(), err)
	}
	r.Stop()
	if err == nil {
		r.outdated(summary.Outdated)
		say(p.Err, words+summary.String())
		for _, result := range r.skipped {
			say(p.Err, "skipped: "+result.Err.Error())
		}
	}
	return r.end(err, streams)
}

// ingestion reports the outcome of each run.
type ingestion struct {
	*work
	ctx   context.Context
	store store.Store
	// changes, when set, receives each change that a dry run would make.
	changes    *bufio.Writer
	exitStatus runStatus

	skipped []store.Result
	outcome int   // the status that --exit-status requests
	broken  error // the error of the store
}

func (r *ingestion) done(result store.Result) {
	switch {
	case result.Outcome == store.Skipped:
		if r.changes != nil {
			_ = r.changes.Flush() // write the known changes before the error; Flush returns its own error again later
		}
		r.failed(result.Err)
		r.skipped = append(r.skipped, result)
		return
	case result.Outcome == store.Rewritten && r.changes == nil:
		say(r, rewritten(result))
	}
	if r.changes != nil && result.Outcome != store.Unchanged {
		fmt.Fprintf(r.changes, "%s %s\n", result.Outcome, report.Printable(string(result.RunID)))
	}
	if r.exitStatus.wanted && result.Outcome != store.Pruned && r.outcome != command.StatusFailed && r.broken == nil {
		row, err := store.ReadRun(r.ctx, r.store, result.RunID)
		if r.broken = err; err == nil {
			r.outcome = worst(r.outcome, r.exitStatus.of(&row.Run))
		}
	}
}

func rewritten(result store.Result) string {
	before := ""
	if result.Before != "" {
		before = " (" + result.Before + ")"
	}
	return fmt.Sprintf("run %s: the stream is not the one that was read%s; its rows were derived again from its start", result.RunID, before)
}

// remind reports how the store's projections differ from the program's.
func (r *ingestion) remind() {
	outdated, err := r.store.Outdated(r.ctx, "", 1)
	if err == nil && len(outdated) > 0 {
		say(r, fmt.Sprintf("the store has runs whose rows of %s are missing or of an older version, such as run %s; quire-project rebuild derives them", r.stale(outdated[0]), outdated[0]))
	}
	sayUnknown(r.ctx, r.store, r)
}

// stale names the projections of which a run has no rows, or outdated ones.
func (r *ingestion) stale(run domain.RunID) string {
	names, err := store.Stale(r.ctx, r.store, run)
	if len(names) == 0 && err != nil {
		return "some projections"
	}
	return strings.Join(names, ", ")
}

// maxOutdated is the maximum number of outdated runs to name.
const maxOutdated = 20

// outdated reports runs that still lack a projection or have an older version of it, except runs whose
// streams were reported as skipped.
func (r *ingestion) outdated(runs []domain.RunID) {
	gone := slices.DeleteFunc(runs, func(run domain.RunID) bool {
		return slices.ContainsFunc(r.skipped, func(result store.Result) bool { return result.RunID == run })
	})
	for _, run := range gone[:min(len(gone), maxOutdated)] {
		say(r, fmt.Sprintf("run %s: its rows of %s are missing or of an older version, and its stream is not there to derive them; put it back, or remove the run with --prune", run, r.stale(run)))
	}
	if more := len(gone) - maxOutdated; more > 0 {
		say(r, fmt.Sprintf("and %d more like these", more))
	}
	if len(gone) > 0 {
		r.status = worst(r.status, command.StatusIO)
	}
}

// end returns the error of the command. err is the error of the work.
func (r *ingestion) end(err error, streams jsonl.Streams) error {
	switch err = cmp.Or(err, r.broken); {
	case err != nil && r.ctx.Err() != nil: // regardless of other consequences
		return interruption(streams)
	case err != nil:
		return err
	}
	return command.End(worst(r.status, r.outcome))
}
