package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/shell"
	"github.com/quire-ci/quire-project/cmd/internal/flags"
	"github.com/quire-ci/quire-project/domain"
)

// runFlags are those of quire-ci run.
type runFlags struct {
	workspace string
	events    string
	outDir    string
	runs      string
	quiet     bool
	asQuire   bool
	maxLog    flags.Size
	label     []string
	git       bool
}

func newRun(io stdio) *cobra.Command {
	flags := runFlags{maxLog: flags.Size{Bytes: 1 << 30, Min: 1 << 10}} // the log's last line, which says that it is full, has to fit
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the jobs of a workspace's pipeline",
		Long: `Run the jobs of a workspace's pipeline, one after the other, each after those
that it needs. The run stops at the first job that fails, and a job at its first
command that exits with another code than 0.

The workspace is the nearest folder, from the current one upwards, that has a
.quire/ci.yaml; or exactly the one that --workspace names.

Commands and their output are shown on standard error as they run. --events says
where the record goes, one event on each line: to a file, which must not exist yet,
to standard output (stdout), or nowhere (null). Each event is written before the
next step. With --out-dir, the output of the nth command of a job is kept in
OUT/jobs/JOB/sh-N.log. --runs does both: it creates a folder for the run and prints
its name, the run's id.

The values of the environment variables that the pipeline's file lists as secrets
are hidden in events, in logs and on the screen.

The first Ctrl-C asks the running command to stop and gives it 5 seconds; events and
logs record how it ended. The second Ctrl-C kills it.

Exit status: 0 the run succeeded; 6 it failed; 5 the pipeline's file is not
valid; 1 events or logs could not be written, and the run was stopped; 2 wrong
usage; 130 interrupted.`,
		Example: `  quire-ci run
  quire-ci run --runs runs
  quire-ci run --workspace ../project --events run.jsonl --out-dir out
  quire-ci run --events stdout | quire-project - --to table`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if flags.runs != "" && (cmd.Flag("events").Changed || cmd.Flag("out-dir").Changed) {
				return usageError(errors.New("--runs sets where events and logs go; remove --events and --out-dir"))
			}
			return runPipeline(cmd.Context(), flags, io)
		},
	}
	addWorkspace(cmd, &flags.workspace)
	cmd.Flags().StringVar(&flags.events, "events", "null", "where events go: null, stdout or a `file`, which must not exist")
	cmd.Flags().StringVar(&flags.outDir, "out-dir", "", "the `folder` in which logs are kept (default: keep none)")
	cmd.Flags().StringVar(&flags.runs, "runs", "", "create a folder for the run in this `folder`, with its events.jsonl and logs, and print its name")
	cmd.Flags().BoolVar(&flags.quiet, "quiet", false, "do not show the output of commands, unless they fail")
	cmd.Flags().BoolVar(&flags.asQuire, "as-quire", false, "record a complete job as succeeded, and exit with 0 even if the run failed")
	cmd.Flags().StringArrayVar(&flags.label, "label", nil, "add a label to the stream, such as ref=refs/heads/main; can be repeated (`KEY=VALUE`)")
	cmd.Flags().BoolVar(&flags.git, "git", false, "label the run with the workspace's repo, ref and sha, as git knows them")
	cmd.Flags().Var(&flags.maxLog, "max-log", "the `size` that the log of a command can have; the rest of its output is discarded")
	_ = cmd.MarkFlagDirname("out-dir") // it is there
	_ = cmd.MarkFlagDirname("runs")
	_ = cmd.RegisterFlagCompletionFunc("events", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"null", "stdout"}, cobra.ShellCompDirectiveDefault
	})
	return cmd
}

// runPipeline runs the pipeline of a workspace.
func runPipeline(ctx context.Context, flags runFlags, io stdio) (err error) {
	loaded, err := load(flags.workspace)
	if err != nil {
		return err
	}
	labels, err := flags.labels(ctx, loaded.workspace)
	if err != nil {
		return err
	}
	if flags.runs != "" {
		folder, err := newRunFolder(flags.runs)
		if err != nil {
			return err
		}
		defer folder.end()
		flags.events, flags.outDir = folder.events(), folder.path
		fmt.Fprintln(io.out, folder.id)
	}
	stream, err := openStream(ctx, flags.events, io.out)
	if err != nil {
		return err
	}
	stream.asQuire(flags.asQuire)
	screen := newScreen(io.err)
	defer func() { err = flags.heed(worse(err, stream.end()), io) }()
	logs, err := openLogs(ctx, flags.outDir, flags.quiet, screen)
	if err != nil {
		return err
	}
	defer logs.end()
	heeding := context.AfterFunc(ctx, func() { screen.interrupted(hurryOf(ctx).Err() != nil) })
	defer heeding()
	return loaded.run(ctx, flags.maxLog.Bytes, labels, stream, logs, screen)
}

// heed returns the error that the program ends with. To quire, a run that has failed has been
// recorded, which is all that it asks for.
func (f *runFlags) heed(err error, io stdio) error {
	if f.asQuire && statusOf(err) == statusFailed {
		tell(io.err, err)
		return nil
	}
	return err
}

// run runs a pipeline, and says how that went.
func (l *loaded) run(ctx context.Context, maxLog int64, labels domain.Labels, stream *stream, logs *logs, screen *screen) error {
	values, set, unset := secrets(l.file.Secrets)
	for _, name := range unset {
		screen.say(fmt.Sprintf("the secret %s is not set in the environment, and cannot be hidden", name))
	}
	result, err := l.pipeline.Run(ctx, shell.Options{
		Workspace: l.workspace,
		Sink:      stream,
		Labels:    labels,
		Logs:      logs.folder,
		MaxLog:    maxLog,
		Output:    logs.live(),
		Secrets:   values,
		Env:       environment(l.file.Env),
		Shell:     l.file.Shell.Command(),
		Kill:      hurryOf(ctx),
		Observe: func(progress shell.Progress) {
			screen.observe(progress)
			logs.observe(progress)
		},
	})
	if err == nil {
		screen.succeeded(len(result.Jobs))
	}
	if len(result.Jobs) > 0 {
		screen.notRun(l.pipeline.Order()[len(result.Jobs):])
	}
	if errors.Is(err, shell.ErrShortSecret) {
		return usageError(fmt.Errorf("the secrets %s: %w", strings.Join(set, ", "), err))
	}
	return logs.explain(err)
}

// worse returns the error that says more about what became of a run: one of
// the stream, because what is not recorded counts for nothing.
func worse(run, stream error) error {
	if stream == nil || statusOf(run) == statusIO {
		return run
	}
	return stream
}
