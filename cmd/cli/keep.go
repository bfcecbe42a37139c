package cli

import (
	"cmp"
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/kept"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/projections/store"
)

// errGrowing refuses a store where streams are to be followed.
var errGrowing = command.Usage("a store cannot be followed; show it with serve --to, or leave out --follow")

// addKeep adds the flag that makes the store keep streams.
func (p *app) addKeep(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.keep, "keep-streams", false, "also keep the streams in the store, from now on and for every program\nthat writes it; the store can then be the SOURCE of other commands")
}

func newExport(p *app) *cobra.Command {
	flags, folder := readFlags{app: p}, ""
	cmd := p.reading("export", p.someSources, func(ctx context.Context, args []string) error {
		if folder == "" || len(args) > 1 {
			return command.Usage("name one store, as %s, and with -o the folder for its streams", stores.Syntax)
		}
		return p.read(flags.findRuns, args, func(streams jsonl.Streams, work *work) error {
			done, err := kept.Export(ctx, streams, folder, work.failed)
			work.say(done.String())
			return cmp.Or(stopped(ctx, err, streams), command.End(work.status))
		})
	})
	cmd.Flags().StringVarP(&folder, "output", "o", "", "write the streams into this `folder`, a file for each run")
	cmd.Flags().StringVar(&flags.runID, "run-id", "", "only the stream of the run with this `id`")
	return cmd
}

func newPrune(p *app) *cobra.Command {
	var to, olderThan string
	var keep int
	var options store.Options
	cmd := help.Command("prune", command.NoArguments, func(ctx context.Context, _ []string) error {
		retention, err := store.ParseRetention(olderThan, keep, time.Now())
		if err != nil {
			return command.Usage("--older-than, --keep: %w", err)
		}
		return p.with(ctx, to, stores.Options{MustExist: true}, jsonl.Streams{}, func(s stores.Store) error {
			pruning := report.Ingestion{Say: func(words string) { say(p.Err, words) }, Changes: p.Out}
			return stopped(ctx, pruning.Prune(ctx, s, retention, options), jsonl.Streams{})
		})
	})
	addStore(cmd, &to)
	cmd.Flags().StringVar(&olderThan, "older-than", "", "remove runs whose last event is older than this `time`, such as 90d\nor 2026-11-20")
	cmd.Flags().IntVar(&keep, "keep", 0, "keep the `n` newest runs, whatever their age")
	cmd.Flags().BoolVar(&options.DryRun, "dry-run", false, "change nothing; print each run that would be removed")
	command.AboveZero(cmd, "keep", "1000")
	return cmd
}
