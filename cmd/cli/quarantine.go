package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/adapters/worker"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

func newQuarantine(p *app) *cobra.Command {
	describe := func(out io.Writer, format report.Format, _ int, runs []report.WaitingRun) error {
		return report.DescribeWaiting(out, format, runs)
	}
	return help.Group("quarantine", p.waiting("list", command.NoArguments, report.WriteWaiting), p.waiting("show", someRuns, describe),
		p.release("retry", "%s retried", (*store.Projector).Retry), p.release("drop", "the parked segments of %s are dropped", (*store.Projector).Drop))
}

// waiting returns a command that writes which of the named runs wait, or all waiting runs if none is
// named.
func (p *app) waiting(name string, args cobra.PositionalArgs, write func(io.Writer, report.Format, int, []report.WaitingRun) error) *cobra.Command {
	var targets []string
	cmd := help.Command(name, args, func(ctx context.Context, args []string) error {
		to, format, err := parseTargets(targets, "look at", "runs")
		if err != nil {
			return err
		}
		return p.with(ctx, to, stores.Options{MustExist: true}, jsonl.Streams{}, func(s stores.Store) error {
			runs, err := report.ReadWaiting(ctx, s, runIDs(args)...)
			if err != nil {
				return err
			}
			out, columns := p.printer()
			err = write(out, format, columns, runs)
			for _, run := range args {
				if !slices.ContainsFunc(runs, func(w report.WaitingRun) bool { return string(w.RunID) == run }) {
					tell(p.Err, fmt.Errorf("run %s: %w", report.Printable(run), worker.ErrNotWaiting))
					err = cmp.Or(err, command.End(command.StatusFound))
				}
			}
			return err
		})
	})
	addTargets(cmd, &targets, "how to print it: table or json (default: table)")
	return cmd
}

// release returns a command that retries or drops runs, and prints how many are no longer quarantined.
func (p *app) release(name, words string, do func(*store.Projector, context.Context, domain.RunID) error) *cobra.Command {
	var flags readFlags
	var to string
	var all bool
	cmd := help.Command(name, func(cmd *cobra.Command, args []string) error {
		switch {
		case all && len(args) > 0:
			return command.Usage("--all is for all quarantined runs, and some are named; choose one")
		case all:
			return nil
		}
		return someRuns(cmd, args)
	}, func(ctx context.Context, args []string) error {
		if err := checkStore(to); err != nil {
			return err
		}
		return p.with(ctx, to, stores.Options{MustExist: true, Durable: true}, jsonl.Streams{}, func(s stores.Store) error {
			released, failed, err := worker.Release(ctx, s, flags.options(), runIDs(args), do)
			for _, err := range failed {
				tell(p.Err, err)
			}
			if err != nil {
				return err
			}
			say(p.Err, fmt.Sprintf(words, report.Plural(released, "run")))
			if len(failed) > 0 {
				return command.End(command.StatusFound)
			}
			return nil
		})
	})
	addStore(cmd, &to)
	if name == "retry" {
		cmd.Flags().BoolVar(&all, "all", false, "all quarantined runs")
		flags.addReading(cmd)
	}
	return cmd
}

// someRuns checks that at least one run is named.
func someRuns(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return command.Usage("name the runs to %s; quire-project quarantine list shows which there are", cmd.Name())
	}
	return nil
}

func runIDs(args []string) (runs []domain.RunID) {
	for _, arg := range args {
		runs = append(runs, domain.RunID(arg))
	}
	return runs
}
