package cli

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/adapters/terminal"
	"github.com/quire-ci/quire-project/cmd/internal/command"
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
	case flags.pretty || flags.commands:
		return command.Usage("--pretty and --commands go with a report, not with a store")
	}
	if err := cmp.Or(checkStore(flags.to), flags.exitStatus.check()); err != nil {
		return err
	}
	streams, err := flags.findRuns(paths)
	if err != nil {
		return err
	}
	return p.with(ctx, flags.to, stores.Options{}, streams, func(s stores.Store) error {
		work := p.begin(&streams, false)
		defer work.Stop()
		outcome := command.StatusOK
		ingestion := work.ingestion()
		ingestion.Run = flags.exitStatus.into(&outcome)
		if err := ingestion.Ingest(ctx, s, streams); err != nil {
			return stopped(ctx, err, streams)
		}
		return command.End(worst(work.status, outcome))
	})
}

// ingestion returns what reports the outcome of each run.
func (w *work) ingestion() *report.Ingestion {
	return &report.Ingestion{Say: func(words string) { say(w, words) }, Failed: w.failed}
}

// stopped returns the error of work, which is that of an interruption if there was one.
func stopped(ctx context.Context, err error, streams jsonl.Streams) error {
	if ctx.Err() != nil { // regardless of other consequences
		return interruption(streams)
	}
	return err
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
	return p.with(ctx, flags.to, stores.Options{Remake: !options.DryRun, OrEmpty: options.DryRun}, streams, func(s stores.Store) error {
		work := p.begin(&streams, options.DryRun && terminal.Of(p.Out) != nil)
		defer work.Stop()
		ingestion := work.ingestion()
		ingestion.Changes = p.Out
		whole, err := ingestion.Rebuild(ctx, s, streams, options)
		if err != nil {
			return stopped(ctx, err, streams)
		}
		if !whole {
			work.status = worst(work.status, command.StatusIO)
		}
		return command.End(work.status)
	})
}
