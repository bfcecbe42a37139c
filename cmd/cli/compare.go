package cli

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/compare"
	"github.com/quire-ci/quire-project/projections/store"
)

// compareFlags are the flags of compare.
type compareFlags struct {
	readFlags
	to, from string
	history  []string
	ended    bool
	stored   report.StoredComparison
}

func newCompare(p *app) *cobra.Command {
	flags := compareFlags{to: string(report.Table)}
	two := func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) != 2:
			return command.Usage("name two runs, the earlier one first; see %s --help", cmd.CommandPath())
		case flags.from != "" && flags.history != nil:
			return command.Usage("with --from, the history is read from the store; leave --history out")
		case flags.from != "":
			var err error
			if flags.stored, err = report.ParseStored(args[0], args[1], time.Now()); err != nil {
				return command.Usage("%w", err)
			}
			return nil
		case args[0] == jsonl.Stdin && args[1] == jsonl.Stdin:
			return command.Usage("- is standard input, which has one run; name another one")
		}
		return p.someSources(cmd, args)
	}
	cmd := p.reading("compare", two, func(ctx context.Context, args []string) error { return p.compare(ctx, args, &flags) })
	addFormat(cmd, &flags.to)
	cmd.Flags().StringVar(&flags.from, "from", "", "take the runs from this `store`: A and B are then ids of runs, or\ngroups such as ref=main,last=20: "+stores.Syntax)
	cmd.Flags().StringArrayVar(&flags.history, "history", nil, "a `SOURCE` with earlier runs, for verdicts; can be repeated\n(default with --from: those of the store)")
	addAssumeEnded(cmd, &flags.ended)
	flags.addReading(p, cmd)
	return cmd
}

func (p *app) compare(ctx context.Context, args []string, flags *compareFlags) error {
	prepare := assumed(flags.ended)
	out, columns := p.printer()
	if flags.from != "" {
		return p.from(ctx, flags.from, func(s stores.Store) error {
			return flags.stored.Write(ctx, out, report.Format(flags.to), columns, s, prepare...)
		})
	}
	work := p.begin(&jsonl.Streams{}, true)
	a, errA := flags.find(args[:1])
	b, errB := flags.find(args[1:])
	history, errHistory := flags.find(flags.history)
	if err := cmp.Or(errA, errB, errHistory); err != nil {
		return err
	}
	c, err := report.Compare(ctx, a, b, history, work.failed, prepare...)
	switch {
	case errors.Is(err, report.ErrSeveralRuns):
		return command.Usage("%w", err)
	case err != nil:
		return err
	}
	return cmp.Or(report.WriteComparison(out, report.Format(flags.to), columns, c), command.End(work.status))
}

// from calls do with the store that --from names.
func (p *app) from(ctx context.Context, address string, do func(stores.Store) error) error {
	if err := stores.Check(address); err != nil {
		return command.Usage("--from: %w", err)
	}
	return p.with(ctx, address, stores.Options{MustExist: true}, jsonl.Streams{}, do)
}

func newTrends(p *app) *cobra.Command {
	var from, logs string
	var ended bool
	to, selected := string(report.Table), store.Selection{}
	selection := func(_ *cobra.Command, args []string) (err error) {
		if selected, err = report.ParseTrends(strings.Join(args, ","), time.Now()); err != nil {
			return command.Usage("%w", err)
		}
		return nil
	}
	cmd := help.Command("trends", selection, func(ctx context.Context, _ []string) error {
		return p.from(ctx, from, func(s stores.Store) error {
			t, err := report.StoredTrends(ctx, s, selected, logs, assumed(ended)...)
			if err != nil {
				return err
			}
			out, columns := p.printer()
			return report.WriteTrends(out, report.Format(to), columns, t)
		})
	})
	cmd.Flags().StringVar(&from, "from", "", "the `store` with the runs: "+stores.Syntax)
	cmd.Flags().StringVar(&logs, "logs", "", "also group failures by the last lines of the logs in this `folder`:\nthat of the streams, or one with a folder for each run, named after its id")
	addAssumeEnded(cmd, &ended)
	addFormat(cmd, &to)
	return cmd
}

func addAssumeEnded(cmd *cobra.Command, ended *bool) {
	cmd.Flags().BoolVar(ended, "assume-ended", false, "treat runs without run_finished as ended, unless they are active")
}

// assumed returns how runs are prepared.
func assumed(ended bool) (prepare []func(*projections.Record)) {
	if ended {
		return append(prepare, compare.AssumeEnded)
	}
	return nil
}

// addFormat adds the flag for the format of a comparison.
func addFormat(cmd *cobra.Command, to *string) {
	command.Choice(cmd, to, "to", "how to print it: table, json or markdown", string(report.Table), string(report.JSON), string(report.Markdown))
}
