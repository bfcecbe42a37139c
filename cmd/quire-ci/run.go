package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/shell"
)

// runFlags are those of quire-ci run.
type runFlags struct {
	workspace string
	events    string
	outDir    string
}

func newRun(io stdio) *cobra.Command {
	var flags runFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the jobs of a workspace's pipeline",
		Long: `Run the jobs of a workspace's pipeline, one after the other, each after those
that it needs. The run stops at the first job that fails, and a job at its first
command that exits with another code than 0.

What is shown to people goes to standard error. --events says where the record
goes, an event a line, written before anything else happens: to a file, which
must not be there yet, to standard output (stdout), or nowhere (null).

With --out-dir, the output of the nth command of a job is in
OUT/jobs/JOB/sh-N.log. Without it, logs are printed when the run ends, and are
gone then. The values of environment variables that the pipeline's file calls
secret are hidden in the events, in logs and in what is shown.

With the first Ctrl-C, the command that runs is asked to stop and gets 5 seconds
for it; events and logs say how it ended. The second Ctrl-C kills it.

Exit status: 0 the run succeeded; 6 it failed; 5 the pipeline's file is not
valid; 1 events or logs could not be written, and the run was stopped; 2 wrong
usage; 130 interrupted.`,
		Example: `  quire-ci run
  quire-ci run --workspace ../project --events run.jsonl --out-dir out
  quire-ci run --events stdout | quire-project - --to table`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("out-dir") && flags.outDir == "" {
				return usageError(errors.New("--out-dir has to name a folder"))
			}
			return runPipeline(cmd.Context(), flags, io)
		},
	}
	addWorkspace(cmd, &flags.workspace)
	cmd.Flags().StringVar(&flags.events, "events", "null", "where events go: null, stdout or a `file`, which must not be there")
	cmd.Flags().StringVar(&flags.outDir, "out-dir", "", "the `folder` in which logs are kept (default: they are printed at the end)")
	_ = cmd.MarkFlagDirname("out-dir") // it is there
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
	stream, err := openStream(ctx, flags.events, io.out)
	if err != nil {
		return err
	}
	defer func() { err = worse(err, stream.end()) }()
	screen := newScreen(io.err)
	logs, err := openLogs(ctx, flags.outDir, screen)
	if err != nil {
		return err
	}
	defer logs.end(ctx)
	heeding := context.AfterFunc(ctx, func() { screen.interrupted(hurryOf(ctx).Err() != nil) })
	defer heeding()
	return loaded.run(ctx, flags.workspace, stream, logs, screen)
}

// run runs a pipeline, and says how that went.
func (l *loaded) run(ctx context.Context, workspace string, stream *stream, logs *logs, screen *screen) error {
	values, set, unset := secrets(l.file.Secrets)
	for _, name := range unset {
		screen.say(fmt.Sprintf("the secret %s is not set in the environment, and cannot be hidden", name))
	}
	result, err := l.pipeline.Run(ctx, shell.Options{
		Workspace: workspace,
		Sink:      stream,
		Logs:      logs.folder,
		Secrets:   values,
		Env:       environment(l.file.Env),
		Kill:      hurryOf(ctx),
		Observe: func(progress shell.Progress) {
			logs.observe(progress)
			screen.observe(progress)
		},
	})
	if err == nil {
		screen.succeeded(len(result.Jobs))
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
