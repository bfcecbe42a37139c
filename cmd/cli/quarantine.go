package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

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
	cmd := help.Command("quarantine", &cobra.Command{
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return command.Usage("say what to do: list, show, retry or drop; see %s --help", cmd.CommandPath())
			}
			near := command.DidYouMean(args[0], []string{"list", "show", "retry", "drop"})
			return command.Usage("there is no quarantine %s%s; see %s --help", report.Printable(args[0]), cmp.Or(near, "; there is list, show, retry and drop"), cmd.CommandPath())
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	})
	cmd.AddCommand(newQuarantineList(p), newQuarantineShow(p), newQuarantineRetry(p), newQuarantineDrop(p))
	return cmd
}

func newQuarantineList(p *app) *cobra.Command {
	var to []string
	cmd := help.Command("list", &cobra.Command{
		Args: command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			format, runs, err := p.waiting(cmd.Context(), to)
			if err != nil {
				return err
			}
			out, columns := p.printer()
			return report.WriteWaiting(out, format, columns, runs)
		},
	})
	addTargets(cmd, &to, "how to print it: table or json (default: table)")
	return cmd
}

func newQuarantineShow(p *app) *cobra.Command {
	var to []string
	cmd := help.Command("show", &cobra.Command{
		Args: someRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			format, runs, err := p.waiting(cmd.Context(), to, runIDs(args)...)
			if err != nil {
				return err
			}
			return p.showWaiting(format, runs, args)
		},
	})
	addTargets(cmd, &to, "how to print it: table or json (default: table)")
	return cmd
}

func newQuarantineRetry(p *app) *cobra.Command {
	var flags readFlags
	var to string
	var all bool
	cmd := help.Command("retry", &cobra.Command{
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case all && len(args) > 0:
				return command.Usage("--all is for all quarantined runs, and some are named; choose one")
			case all:
				return nil
			}
			return someRuns(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.release(cmd.Context(), to, runIDs(args), flags.options(), "%s retried", (*store.Projector).Retry)
		},
	})
	cmd.Flags().SortFlags = false
	addStore(cmd, &to)
	cmd.Flags().BoolVar(&all, "all", false, "all quarantined runs")
	flags.addReading(cmd)
	return cmd
}

func newQuarantineDrop(p *app) *cobra.Command {
	var to string
	cmd := help.Command("drop", &cobra.Command{
		Args: someRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.release(cmd.Context(), to, runIDs(args), jsonl.Options{}, "the parked segments of %s are dropped", (*store.Projector).Drop)
		},
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

func runIDs(args []string) []domain.RunID {
	runs := make([]domain.RunID, len(args))
	for i, arg := range args {
		runs[i] = domain.RunID(arg)
	}
	return runs
}

// waiting returns which of the given runs wait, or all waiting runs if none is given.
func (p *app) waiting(ctx context.Context, targets []string, runs ...domain.RunID) (format report.Format, found []report.WaitingRun, err error) {
	to, format, err := parseTargets(targets, "look at", "runs")
	if err != nil {
		return format, nil, err
	}
	s, err := p.open(ctx, to, stores.Options{MustExist: true}, jsonl.Streams{})
	if err != nil {
		return format, nil, err
	}
	defer func() { err = cmp.Or(err, s.Close()) }()
	found, err = report.ReadWaiting(ctx, s, runs...)
	return format, found, err
}

// showWaiting prints the details of the runs that were asked for, and reports those that do not wait.
func (p *app) showWaiting(format report.Format, found []report.WaitingRun, asked []string) (err error) {
	out, _ := p.printer()
	if format == report.JSON {
		err = report.WriteWaiting(out, format, 0, found)
	} else {
		var text []string
		for i := range found {
			text = append(text, found[i].String())
		}
		_, err = io.WriteString(out, strings.Join(text, "\n"))
	}
	for _, run := range asked {
		if !slices.ContainsFunc(found, func(w report.WaitingRun) bool { return string(w.RunID) == run }) {
			tell(p.err, fmt.Errorf("run %s: %w", report.Printable(run), worker.ErrNotWaiting))
			err = cmp.Or(err, command.End(statusFound))
		}
	}
	return err
}

// release retries or drops some runs, or all quarantined ones if none is named. It prints how many
// runs are no longer quarantined.
func (p *app) release(ctx context.Context, to string, runs []domain.RunID, options jsonl.Options, words string,
	do func(*store.Projector, context.Context, domain.RunID) error) (err error) {
	if err := checkStore(to); err != nil {
		return err
	}
	s, err := p.open(ctx, to, stores.Options{MustExist: true, Durable: true}, jsonl.Streams{})
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, s.Close()) }()
	released, failed, err := worker.Release(ctx, s, options, runs, do)
	for _, err := range failed {
		tell(p.err, err)
	}
	if err != nil {
		return err
	}
	say(p.err, fmt.Sprintf(words, command.Plural(released, "run")))
	if len(failed) > 0 {
		return command.End(statusFound)
	}
	return nil
}
