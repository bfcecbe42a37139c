package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/kept"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/adapters/terminal"
	"github.com/quire-ci/quire-project/adapters/worker"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// ingest updates a store's rows.
func (p *app) ingest(ctx context.Context, paths []string, flags projectFlags) error {
	return p.onStore(ctx, flags.to, stores.Options{}, flags.findRuns, paths, false, func(s stores.Store, streams jsonl.Streams, work *work) error {
		ingestion := work.ingestion()
		if flags.exitStatus.wanted {
			ingestion.Run = flags.exitStatus.see
		}
		err := ingestion.Ingest(ctx, s, streams)
		work.ends(flags.exitStatus.status())
		return stopped(ctx, err, streams)
	})
}

// ingestion returns what reports the outcome of each run.
func (w *work) ingestion() *report.Ingestion {
	return &report.Ingestion{Say: w.say, Failed: w.failed}
}

// stopped returns the error of work, or that of an interruption if there was one.
func stopped(ctx context.Context, err error, streams jsonl.Streams) error {
	if err != nil && ctx.Err() != nil { // regardless of other consequences
		return interruption(streams)
	}
	return err
}

func newRebuild(p *app) *cobra.Command {
	var flags readFlags
	var targets []string
	var options report.Rebuilding
	var tables func() ([]*projections.Definition, error)
	var to string
	find := func(paths []string) (jsonl.Streams, error) {
		own := len(paths) == 0 && !options.Rollback
		if own {
			paths = []string{to}
		}
		streams, err := flags.findRuns(paths)
		switch {
		case own && errors.Is(err, kept.ErrKeepsNone) && options.Switch:
			return jsonl.Streams{}, nil
		case own && errors.Is(err, kept.ErrKeepsNone):
			return streams, command.Usage("%w", err)
		}
		if err == nil && options.Prune && !streams.HasFolder() {
			err = command.Usage("--prune removes the runs that have no stream; name the folder with all streams")
		}
		return streams, err
	}
	sources := func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return p.someSources(cmd, args)
	}
	cmd := p.reading("rebuild", sources, func(ctx context.Context, args []string) (err error) {
		if to, options.Format, err = parseTargets(targets, "rebuild", "differences"); err != nil {
			return err
		}
		if options.Conflicts() {
			return command.Usage("--compare, --switch, --rollback and --dry-run exclude each other; give one of them")
		}
		if options.Tables, err = tables(); err != nil {
			return err
		}
		options.Out, options.Width = p.printer()
		opening := stores.Options{OrEmpty: options.DryRun, MustExist: options.Switch || options.Rollback}
		return p.onStore(ctx, to, opening, find, args, options.DryRun && terminal.Of(p.Out) != nil, func(s stores.Store, streams jsonl.Streams, work *work) error {
			ingestion := work.ingestion()
			ingestion.Changes = p.Out
			if len(args) > 0 {
				if options.Own, err = kept.Own(ctx, s, streams); err != nil {
					return err
				}
			}
			differs, err := ingestion.Renew(ctx, s, streams, options)
			if differs {
				work.ends(command.StatusFound)
			}
			return stopped(ctx, err, streams)
		})
	})
	addTargets(cmd, &targets, "with --compare, how to print\ndifferences: table or json (default: table)")
	cmd.Flags().BoolVar(&options.Compare, "compare", false, "derive rows beside those in use, and print how they differ")
	cmd.Flags().BoolVar(&options.Switch, "switch", false, "switch to the rows that --compare has derived")
	cmd.Flags().BoolVar(&options.Rollback, "rollback", false, "switch back to the rows that --keep has kept")
	cmd.Flags().BoolVar(&options.Keep, "keep", false, "keep the previous rows until the next rebuild")
	p.addKeep(cmd)
	tables = p.addTables(cmd, "derive these again for runs whose streams are unchanged:\n%s\n(runs whose streams have changed are written as a whole)")
	cmd.Flags().BoolVar(&options.DryRun, "dry-run", false, "change nothing; print each run that would change, and how")
	cmd.Flags().BoolVar(&options.Prune, "prune", false, "remove the runs that have no stream in the folder any more")
	cmd.Flags().BoolVar(&options.Force, "force", false, "derive the rows of unchanged runs as well")
	flags.add(p, cmd)
	return cmd
}

func newVerify(p *app) *cobra.Command {
	var flags readFlags
	var targets []string
	var tables func() ([]*projections.Definition, error)
	cmd := p.reading("verify", p.someSources, func(ctx context.Context, args []string) error {
		to, format, err := parseTargets(targets, "verify", "differences")
		if err != nil {
			return err
		}
		chosen, err := tables()
		if err != nil {
			return err
		}
		return p.onStore(ctx, to, stores.Options{MustExist: true}, flags.findRuns, args, terminal.Of(p.Out) != nil, func(s stores.Store, streams jsonl.Streams, work *work) error {
			out, columns := p.printer()
			found, err := report.Verify(ctx, out, s, streams, report.VerifyOptions{Format: format, Width: columns, Tables: chosen, Skipped: work.failed})
			if err != nil {
				return err
			}
			if format == report.Table {
				say(work, found.String())
			}
			if found.Repair() != "" {
				work.ends(command.StatusFound)
			}
			return nil
		})
	})
	addTargets(cmd, &targets, "how to print differences: table or json\n(default: table)")
	tables = p.addTables(cmd, "compare only these: %s")
	flags.add(p, cmd)
	return cmd
}

// newVersions makes the command that lists the versions of a store's rows.
func newVersions(p *app) *cobra.Command {
	var targets []string
	cmd := help.Command("versions", command.NoArguments, func(ctx context.Context, _ []string) error {
		to, format, err := parseTargets(targets, "look at", "versions")
		if err != nil {
			return err
		}
		return p.with(ctx, to, stores.Options{MustExist: true}, jsonl.Streams{}, func(s stores.Store) error {
			versions, err := report.ReadVersions(ctx, s)
			if err != nil {
				return err
			}
			out, columns := p.printer()
			return versions.Write(out, format, columns)
		})
	})
	addTargets(cmd, &targets, "how to print versions: table or json\n(default: table)")
	return cmd
}

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
		flags.addReading(p, cmd)
	}
	return cmd
}

// someRuns checks that at least one run is named.
func someRuns(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return command.Usage("name the runs to %s; quire-project quarantine list lists them", cmd.Name())
	}
	return nil
}

func runIDs(args []string) (runs []domain.RunID) {
	for _, arg := range args {
		runs = append(runs, domain.RunID(arg))
	}
	return runs
}
