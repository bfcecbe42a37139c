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
	"github.com/quire-ci/quire-project/projections/trends"
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
	cmd.Flags().StringVar(&flags.from, "from", "", "the `store` with the runs, which A and B are then the ids of,\nor groups such as ref=main,last=20: "+stores.Syntax)
	cmd.Flags().StringArrayVar(&flags.history, "history", nil, "a `SOURCE` with earlier runs, for verdicts; can be repeated\n(with --from: those of the store)")
	cmd.Flags().BoolVar(&flags.ended, "assume-ended", false, "take runs without run_finished as ended, unless they are active")
	flags.addReading(p, cmd)
	return cmd
}

func (p *app) compare(ctx context.Context, args []string, flags *compareFlags) error {
	var prepare []func(*projections.Record)
	if flags.ended {
		prepare = append(prepare, compare.AssumeEnded)
	}
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
	var from, label string
	to, page := string(report.Table), store.Page{Limit: 200}
	cmd := help.Command("trends", command.NoArguments, func(ctx context.Context, _ []string) error {
		key, value, labelled := strings.Cut(label, "=")
		if page.Limit < 1 || page.Limit > 1000 || label != "" && !labelled {
			return command.Usage("--last is a number from 1 to 1000, and --label is KEY=VALUE")
		} else if labelled {
			page.Label = &projections.Label{Key: key, Value: value}
		}
		return p.from(ctx, from, func(s stores.Store) error {
			t, err := trends.Stored(ctx, s, page, nil)
			if err != nil {
				return err
			}
			out, columns := p.printer()
			return report.WriteTrends(out, report.Format(to), columns, t)
		})
	})
	cmd.Flags().StringVar(&from, "from", "", "the `store` with the runs: "+stores.Syntax)
	cmd.Flags().StringVar(&label, "label", "", "only runs with this label, as `KEY=VALUE`")
	cmd.Flags().IntVar(&page.Limit, "last", page.Limit, "how many runs to look at, the latest ones")
	addFormat(cmd, &to)
	return cmd
}

// addFormat adds the flag for the format of a comparison.
func addFormat(cmd *cobra.Command, to *string) {
	command.Choice(cmd, to, "to", "how to print it: table, json or markdown", string(report.Table), string(report.JSON), string(report.Markdown))
}
