package cli

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/domain"
)

func newQuarantine(p *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "quarantine",
		Short: "List, show, retry or drop the runs that subscribe could not continue",
		Long: `List, show, retry or drop the runs that subscribe could not continue.

A run is quarantined when its stream is malformed (malformed), when a part of it
has not arrived for a long time (missing), when two streams have its id
(other_stream), or when its rows came from elsewhere or already had an end
(cannot_go_on). Its further messages are held in the store; other runs continue. A
run with a missing part is released when the part arrives.

What you can do: publish the stream again; derive the run from its whole stream
with rebuild, and retry; for a malformed line, retry with --on-malformed skip; for
a stream that you do not need, drop what is held.`,
		Example: `  quire-project quarantine list --to sqlite:quire.db
  quire-project quarantine show run-42 --to sqlite:quire.db
  quire-project quarantine retry run-42 --on-malformed skip --to sqlite:quire.db
  quire-project quarantine retry --all --to postgres://ci@db.example.com/quire
  quire-project quarantine drop run-42 --to sqlite:quire.db`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError(fmt.Errorf("there is no quarantine %s%s; see %s --help",
					report.Printable(args[0]), cmp.Or(didYouMean(args[0], quarantineCommands), "; there is list, show, retry and drop"), cmd.CommandPath()))
			}
			return usageError(fmt.Errorf("say what to do: list, show, retry or drop; see %s --help", cmd.CommandPath()))
		},
		RunE: func(*cobra.Command, []string) error { return nil },
	}
	cmd.AddCommand(newQuarantineList(p), newQuarantineShow(p), newQuarantineRetry(p), newQuarantineDrop(p))
	return cmd
}

var quarantineCommands = []string{"list", "show", "retry", "drop"}

func newQuarantineList(p *app) *cobra.Command {
	var to []string
	cmd := &cobra.Command{
		Use:   "list --to STORE [--to FORMAT]",
		Short: "List quarantined runs, and runs with held messages",
		Long: `List the quarantined runs, and the runs with a part that has come too early and is
held for a moment.

Exit status: 0 done; 1 the store cannot be read; 2 wrong usage.`,
		Example: `  quire-project quarantine list --to sqlite:quire.db
  quire-project quarantine list --to sqlite:quire.db --to json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return listWaiting(cmd.Context(), to, nil, p)
		},
	}
	addQuarantineTo(cmd, &to)
	return cmd
}

func newQuarantineShow(p *app) *cobra.Command {
	var to []string
	cmd := &cobra.Command{
		Use:   "show RUN... --to STORE [--to FORMAT]",
		Short: "Show why runs are quarantined, and what is held of them",
		Long: `Show why runs are quarantined, how much of their streams is in the rows, and what
is held of them. The text of the streams is not shown.

Exit status: 0 done; 1 the store cannot be read; 2 wrong usage; 5 one of the runs
is not in the list.`,
		Example: `  quire-project quarantine show run-42 --to sqlite:quire.db`,
		Args:    someRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			return listWaiting(cmd.Context(), to, runIDs(args), p)
		},
	}
	addQuarantineTo(cmd, &to)
	return cmd
}

func addQuarantineTo(cmd *cobra.Command, to *[]string) {
	cmd.Flags().StringArrayVar(to, "to", nil, "the `store`, as "+stores.Syntax+";\nand, given once more, how to print it: table or json (default: table)")
	_ = cmd.RegisterFlagCompletionFunc("to", completeTarget(string(report.Table), string(report.JSON)))
}

// quarantineFlags are those of retry and drop.
type quarantineFlags struct {
	readFlags
	to  string
	all bool
}

func newQuarantineRetry(p *app) *cobra.Command {
	var flags quarantineFlags
	cmd := &cobra.Command{
		Use:   "retry RUN... --to STORE",
		Short: "Continue quarantined runs where they stopped",
		Long: `Continue quarantined runs where they stopped: first with the messages that are held,
then with new ones. Workers may be running meanwhile.

--on-malformed skip skips malformed lines. A run first read with skip continues
with skip.

Exit status: 0 the runs are no longer quarantined; 1 the store cannot be used; 2
wrong usage; 5 a run is quarantined again, or is not in the list.`,
		Example: `  quire-project quarantine retry run-42 --to sqlite:quire.db
  quire-project quarantine retry run-42 --on-malformed skip --to sqlite:quire.db
  quire-project quarantine retry --all --to sqlite:quire.db`,
		Args: runsOrAll(&flags.all),
		RunE: func(cmd *cobra.Command, args []string) error {
			return retryRuns(cmd.Context(), runIDs(args), flags, p)
		},
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&flags.to, "to", "", "the `store`, as "+stores.Syntax)
	cmd.Flags().BoolVar(&flags.all, "all", false, "all quarantined runs")
	flags.addReading(cmd)
	_ = cmd.RegisterFlagCompletionFunc("to", completeTarget())
	return cmd
}

func newQuarantineDrop(p *app) *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "drop RUN... --to STORE",
		Short: "Remove what is held of runs, and lift their quarantine",
		Long: `Remove what is held of runs, and lift their quarantine. Their rows stay as they are.
The rows lack what you drop; publish the stream again to get it back.

Exit status: 0 done; 1 the store cannot be used; 2 wrong usage; 5 one of the runs is
not in the list.`,
		Example: `  quire-project quarantine drop run-42 --to sqlite:quire.db`,
		Args:    someRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			return dropRuns(cmd.Context(), runIDs(args), to, p)
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "the `store`, as "+stores.Syntax)
	_ = cmd.RegisterFlagCompletionFunc("to", completeTarget())
	return cmd
}

// someRuns checks a command line's arguments: there is at least one run.
func someRuns(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return nil
	}
	return usageError(fmt.Errorf("name the runs to %s; quire-project quarantine list shows which there are", cmd.Name()))
}

func runsOrAll(all *bool) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case *all && len(args) > 0:
			return usageError(errors.New("--all is for all quarantined runs, and some are named; choose one"))
		case *all:
			return nil
		}
		return someRuns(cmd, args)
	}
}

func runIDs(args []string) []domain.RunID {
	runs := make([]domain.RunID, len(args))
	for i, arg := range args {
		runs[i] = domain.RunID(arg)
	}
	return runs
}

// errNothing reports a run that has nothing held.
func errNothing(run domain.RunID) error {
	return fmt.Errorf("run %s: it is neither quarantined nor held in this store; quire-project quarantine list shows the runs that are", report.Printable(string(run)))
}
