package cli

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// rebuildFlags are the flags of rebuild.
type rebuildFlags struct {
	readFlags
	tableFlags
	to     string
	dryRun bool
	prune  bool
	force  bool
}

func newRebuild(p *app) *cobra.Command {
	flags := rebuildFlags{tableFlags: tableFlags{set: p.set}}
	cmd := help.Command("rebuild", &cobra.Command{
		Args: p.someSources, ValidArgsFunction: completeSources,
		RunE: func(cmd *cobra.Command, args []string) error {
			return rebuild(cmd.Context(), args, flags, p)
		},
	})
	f := cmd.Flags()
	f.SortFlags = false
	addStore(cmd, &flags.to)
	flags.tableFlags.add(cmd, "derive these again for runs whose streams are unchanged:\n%s\n(runs whose streams have changed are written as a whole)")
	f.BoolVar(&flags.dryRun, "dry-run", false, "change nothing; print each run that would change, and how")
	f.BoolVar(&flags.prune, "prune", false, "remove the runs that have no stream in the folder any more")
	f.BoolVar(&flags.force, "force", false, "derive the rows of unchanged runs as well")
	flags.readFlags.add(cmd)
	return cmd
}

func rebuild(ctx context.Context, paths []string, flags rebuildFlags, p *app) (err error) {
	options := store.Options{Force: flags.force, DryRun: flags.dryRun, Prune: flags.prune}
	if options.Tables, err = flags.tables(); err != nil {
		return err
	}
	if err := checkStore(flags.to); err != nil {
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

// maxOutdated is the maximum number of outdated runs to name.
const maxOutdated = 20

// outdated reports runs that still lack a projection or have an older version of it, except runs whose
// streams were reported as skipped.
func (r *ingestReporter) outdated(runs []domain.RunID) {
	gone := slices.DeleteFunc(runs, func(run domain.RunID) bool {
		return slices.ContainsFunc(r.skipped, func(result store.Result) bool { return result.RunID == run })
	})
	for _, run := range gone[:min(len(gone), maxOutdated)] {
		say(r.err, fmt.Sprintf("run %s: its rows of %s are missing or of an older version, and its stream is not there to derive them; put it back, or remove the run with --prune", run, r.missing(run)))
	}
	if more := len(gone) - maxOutdated; more > 0 {
		say(r.err, fmt.Sprintf("and %s like these", command.Plural(more, "more run")))
	}
	if len(gone) > 0 {
		r.status = worse(r.status, statusIO)
	}
}
