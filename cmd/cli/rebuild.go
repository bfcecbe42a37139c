package cli

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// rebuildFlags are those of rebuild.
type rebuildFlags struct {
	set *projections.Set
	readFlags
	to          string
	projections []string
	dryRun      bool
	prune       bool
	force       bool
}

func newRebuild(p *app) *cobra.Command {
	flags := rebuildFlags{set: p.set}
	cmd := help.Command("rebuild", &cobra.Command{
		Args: p.someSources, ValidArgsFunction: completeSources,
		RunE: func(cmd *cobra.Command, args []string) error {
			return rebuild(cmd.Context(), args, flags, p)
		},
	})
	flags.add(cmd)
	return cmd
}

func (f *rebuildFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.to, "to", "", "the `store`, as "+stores.Syntax)
	flags.StringSliceVar(&f.projections, "projection", nil, "derive these again for runs whose streams are unchanged:\n"+strings.Join(projections.Names(f.set.Stored()), ", ")+"\n(runs whose streams have changed are written as a whole)")
	flags.BoolVar(&f.dryRun, "dry-run", false, "change nothing; print each run that would change, and how")
	flags.BoolVar(&f.prune, "prune", false, "remove the runs that have no stream in the folder any more")
	flags.BoolVar(&f.force, "force", false, "derive the rows of unchanged runs as well")
	f.readFlags.add(cmd)
	_ = cmd.RegisterFlagCompletionFunc("to", completeTarget())
	_ = cmd.RegisterFlagCompletionFunc("projection", completeList(projections.Names(f.set.Stored())))
}

// options reads what the flags say of the work.
func (f *rebuildFlags) options() (store.Options, error) {
	tables, err := chooseTables(f.set, f.projections)
	if err != nil {
		return store.Options{}, err
	}
	return store.Options{Tables: tables, Force: f.force, DryRun: f.dryRun, Prune: f.prune}, checkStore(f.to)
}

// chooseTables returns the stored projections that names choose; nil, if there are none.
func chooseTables(set *projections.Set, names []string) ([]*projections.Definition, error) {
	if len(names) == 0 {
		return nil, nil
	}
	tables, err := projections.Choose(set.Stored(), names)
	if err != nil {
		return nil, usageError(fmt.Errorf("--projection %s: %w%s", report.Printable(strings.Join(names, ",")), err, nearest(names, projections.Names(set.Stored()))))
	}
	return tables, nil
}

func rebuild(ctx context.Context, paths []string, flags rebuildFlags, p *app) (err error) {
	options, err := flags.options()
	if err != nil {
		return err
	}
	streams, err := flags.findRuns(paths)
	if err != nil {
		return err
	}
	if flags.prune && !streams.HasFolder() {
		return command.Usage("--prune removes the runs that have no stream, and needs the folder of all streams to know; name that")
	}
	s, err := p.open(ctx, flags.to, stores.Options{Remake: !flags.dryRun, OrEmpty: flags.dryRun}, streams)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, s.Close()) }()
	bar := p.newProgress(&streams, flags.dryRun && command.Terminal(p.out) != nil)
	r := &ingestReporter{ctx: ctx, store: s, err: bar}
	if flags.dryRun {
		r.changes = bufio.NewWriter(report.Output{Writer: p.out})
	}
	options.Done = r.done
	summary, err := store.Rebuild(ctx, s, streams, options)
	if r.changes != nil {
		err = cmp.Or(r.changes.Flush(), err)
	}
	bar.stop()
	if err != nil {
		return r.end(err, streams)
	}
	r.outdated(summary.Outdated)
	words := summary.String()
	if flags.dryRun {
		words = "dry run, nothing was changed: " + words
	}
	say(p.err, words)
	for _, result := range r.skipped {
		say(p.err, "skipped: "+result.Err.Error())
	}
	return r.end(nil, streams)
}

// maxOutdated is how many outdated runs are named.
const maxOutdated = 20

// outdated names runs that still lack a projection, or have an older version of it, unless their
// streams were reported as skipped.
func (r *ingestReporter) outdated(runs []domain.RunID) {
	gone := slices.DeleteFunc(runs, func(run domain.RunID) bool {
		return slices.ContainsFunc(r.skipped, func(result store.Result) bool { return result.RunID == run })
	})
	for _, run := range gone[:min(len(gone), maxOutdated)] {
		say(r.err, fmt.Sprintf("run %s: its rows of %s are missing or of an older version, and its stream is not there to derive them; put it back, or remove the run with --prune", run, r.missing(run)))
	}
	if more := len(gone) - maxOutdated; more > 0 {
		say(r.err, fmt.Sprintf("and %s like these", plural(more, "more run")))
	}
	if len(gone) > 0 {
		r.status = worse(r.status, statusIO)
	}
}
