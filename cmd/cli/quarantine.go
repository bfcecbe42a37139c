package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

func newQuarantine(p *app) *cobra.Command {
	cmd := help.Command("quarantine", &cobra.Command{
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError(fmt.Errorf("there is no quarantine %s%s; see %s --help",
					report.Printable(args[0]), cmp.Or(command.DidYouMean(args[0], quarantineCommands), "; there is list, show, retry and drop"), cmd.CommandPath()))
			}
			return usageError(fmt.Errorf("say what to do: list, show, retry or drop; see %s --help", cmd.CommandPath()))
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	})
	cmd.AddCommand(newQuarantineList(p), newQuarantineShow(p), newQuarantineRetry(p), newQuarantineDrop(p))
	return cmd
}

var quarantineCommands = []string{"list", "show", "retry", "drop"}

func newQuarantineList(p *app) *cobra.Command {
	var to []string
	cmd := help.Command("list", &cobra.Command{
		Args: command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.withWaiting(cmd.Context(), to, nil, func(format report.Format, runs []report.WaitingRun) error {
				out, columns := p.printer()
				return report.WriteWaiting(out, format, columns, runs)
			})
		},
	})
	addQuarantineTo(cmd, &to)
	return cmd
}

func newQuarantineShow(p *app) *cobra.Command {
	var to []string
	cmd := help.Command("show", &cobra.Command{
		Args: someRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withWaiting(cmd.Context(), to, runIDs(args), func(format report.Format, runs []report.WaitingRun) error {
				return p.showWaiting(format, runs, args)
			})
		},
	})
	addQuarantineTo(cmd, &to)
	return cmd
}

func addQuarantineTo(cmd *cobra.Command, to *[]string) {
	cmd.Flags().StringArrayVar(to, "to", nil, "the `store`, as "+stores.Syntax+";\nand, given once more, how to print it: table or json (default: table)")
	_ = cmd.RegisterFlagCompletionFunc("to", completeTarget(string(report.Table), string(report.JSON)))
}

func newQuarantineRetry(p *app) *cobra.Command {
	var flags readFlags
	var all bool
	cmd := help.Command("retry", &cobra.Command{
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case all && len(args) > 0:
				return usageError(errors.New("--all is for all quarantined runs, and some are named; choose one"))
			case all:
				return nil
			}
			return someRuns(cmd, args)
		},
	})
	cmd.Flags().SortFlags = false
	to := addStore(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "all quarantined runs")
	flags.addReading(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return p.changeWaiting(cmd.Context(), *to, runIDs(args), flags.options(), "%s retried", (*store.Projector).Retry)
	}
	return cmd
}

func newQuarantineDrop(p *app) *cobra.Command {
	cmd := help.Command("drop", &cobra.Command{
		Args: someRuns,
	})
	to := addStore(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return p.changeWaiting(cmd.Context(), *to, runIDs(args), jsonl.Options{}, "the parked segments of %s are dropped", (*store.Projector).Drop)
	}
	return cmd
}

// someRuns checks that at least one run is named.
func someRuns(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return nil
	}
	return usageError(fmt.Errorf("name the runs to %s; quire-project quarantine list shows which there are", cmd.Name()))
}

func runIDs(args []string) []domain.RunID {
	runs := make([]domain.RunID, len(args))
	for i, arg := range args {
		runs[i] = domain.RunID(arg)
	}
	return runs
}

// withWaiting reads which of some runs wait, or which of all if none are named.
func (p *app) withWaiting(ctx context.Context, targets []string, runs []domain.RunID, do func(report.Format, []report.WaitingRun) error) (err error) {
	to, format, err := parseTargets(targets, "look at", "runs")
	if err != nil {
		return err
	}
	s, err := p.open(ctx, to, stores.Options{MustExist: true}, jsonl.Streams{})
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, s.Close()) }()
	found, err := report.ReadWaiting(ctx, s, runs...)
	if err != nil {
		return err
	}
	return do(format, found)
}

// showWaiting prints all that is known of some runs, of which those that are found wait.
func (p *app) showWaiting(format report.Format, found []report.WaitingRun, asked []string) error {
	out, _ := p.printer()
	var text strings.Builder
	for i := range found {
		text.WriteString(strings.Repeat("\n", min(i, 1)) + found[i].String())
	}
	_, err := io.WriteString(out, text.String())
	if format == report.JSON {
		err = report.WriteWaiting(out, format, 0, found)
	}
	for _, run := range asked {
		if !slices.ContainsFunc(found, func(w report.WaitingRun) bool { return string(w.RunID) == run }) {
			tell(p.err, errNothing(run))
			err = cmp.Or(err, endWith(statusFound))
		}
	}
	return err
}

func errNothing(run string) error {
	return fmt.Errorf("run %s: it is neither quarantined nor parked in this store; quire-project quarantine list shows the runs that are", report.Printable(run))
}

// changeWaiting does something with each of some waiting runs, or with all quarantined ones if
// none are named, and says of how many the quarantine was lifted.
func (p *app) changeWaiting(ctx context.Context, to string, runs []domain.RunID, options jsonl.Options, words string,
	do func(*store.Projector, context.Context, domain.RunID) error) (err error) {
	if err := checkStore(to); err != nil {
		return err
	}
	s, err := p.open(ctx, to, stores.Options{MustExist: true, Durable: true}, jsonl.Streams{})
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, s.Close()) }()
	projector := store.NewProjector(s, jsonl.NewSegments(options), store.ProjectorOptions{})
	defer func() { err = cmp.Or(err, projector.Close(context.WithoutCancel(ctx))) }()
	if len(runs) == 0 {
		if runs, err = quarantined(ctx, s); err != nil {
			return err
		}
	}
	lifted := 0
	for _, run := range runs {
		waiting, err := s.Waiting(ctx, run)
		if err != nil {
			return err
		}
		if len(waiting) == 0 {
			tell(p.err, errNothing(string(run)))
			continue
		}
		if err := do(projector, ctx, run); err != nil {
			return err
		}
		waiting, err = s.Waiting(ctx, run)
		switch {
		case err != nil:
			return err
		case len(waiting) > 0 && waiting[0].Quarantine != nil:
			say(p.err, fmt.Sprintf("run %s is quarantined again (%s): %s", run, waiting[0].Quarantine.Code, waiting[0].Quarantine.Reason))
		default:
			lifted++
		}
	}
	say(p.err, fmt.Sprintf(words, plural(lifted, "run")))
	if lifted < len(runs) {
		return endWith(statusFound)
	}
	return nil
}

func quarantined(ctx context.Context, s store.Store) (runs []domain.RunID, err error) {
	waiting, err := s.Waiting(ctx)
	for i := range waiting {
		if waiting[i].Quarantine != nil {
			runs = append(runs, waiting[i].Run)
		}
	}
	return runs, err
}
