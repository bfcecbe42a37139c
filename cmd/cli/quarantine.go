package cli

import (
	"cmp"
	"context"
	"fmt"
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
	return help.Group("quarantine", newQuarantineList(p), newQuarantineShow(p), newQuarantineRetry(p), newQuarantineDrop(p))
}

func newQuarantineList(p *app) *cobra.Command {
	var to []string
	cmd := help.Command("list", command.NoArguments, func(ctx context.Context, _ []string) error {
		format, runs, err := p.waiting(ctx, to)
		if err != nil {
			return err
		}
		out, columns := p.printer()
		return report.WriteWaiting(out, format, columns, runs)
	})
	addTargets(cmd, &to, "how to print it: table or json (default: table)")
	return cmd
}

func newQuarantineShow(p *app) *cobra.Command {
	var to []string
	cmd := help.Command("show", someRuns, func(ctx context.Context, args []string) error {
		format, runs, err := p.waiting(ctx, to, runIDs(args)...)
		if err != nil {
			return err
		}
		out, _ := p.printer()
		err = report.DescribeWaiting(out, format, runs)
		for _, run := range args {
			if !slices.ContainsFunc(runs, func(w report.WaitingRun) bool { return string(w.RunID) == run }) {
				tell(p.Err, fmt.Errorf("run %s: %w", report.Printable(run), worker.ErrNotWaiting))
				err = cmp.Or(err, command.End(command.StatusFound))
			}
		}
		return err
	})
	addTargets(cmd, &to, "how to print it: table or json (default: table)")
	return cmd
}

func newQuarantineRetry(p *app) *cobra.Command {
	var flags readFlags
	var to string
	var all bool
	cmd := help.Command("retry", func(cmd *cobra.Command, args []string) error {
		switch {
		case all && len(args) > 0:
			return command.Usage("--all is for all quarantined runs, and some are named; choose one")
		case all:
			return nil
		}
		return someRuns(cmd, args)
	}, func(ctx context.Context, args []string) error {
		return p.release(ctx, to, runIDs(args), flags.options(), "%s retried", (*store.Projector).Retry)
	})
	addStore(cmd, &to)
	cmd.Flags().BoolVar(&all, "all", false, "all quarantined runs")
	flags.addReading(cmd)
	return cmd
}

func newQuarantineDrop(p *app) *cobra.Command {
	var to string
	cmd := help.Command("drop", someRuns, func(ctx context.Context, args []string) error {
		return p.release(ctx, to, runIDs(args), jsonl.Options{}, "the parked segments of %s are dropped", (*store.Projector).Drop)
	})
	addStore(cmd, &to)
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

// waiting returns which of the given runs wait, or all waiting runs if none is given.
func (p *app) waiting(ctx context.Context, targets []string, runs ...domain.RunID) (format report.Format, found []report.WaitingRun, err error) {
	to, format, err := parseTargets(targets, "look at", "runs")
	if err != nil {
		return format, nil, err
	}
	err = p.with(ctx, to, stores.Options{MustExist: true}, jsonl.Streams{}, func(s stores.Store) error {
		found, err = report.ReadWaiting(ctx, s, runs...)
		return err
	})
	return format, found, err
}

// release retries or drops some runs, or all quarantined ones if none is named. It prints how many
// runs are no longer quarantined.
func (p *app) release(ctx context.Context, to string, runs []domain.RunID, options jsonl.Options, words string,
	do func(*store.Projector, context.Context, domain.RunID) error) error {
	if err := checkStore(to); err != nil {
		return err
	}
	return p.with(ctx, to, stores.Options{MustExist: true, Durable: true}, jsonl.Streams{}, func(s stores.Store) error {
		released, failed, err := worker.Release(ctx, s, options, runs, do)
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
}
