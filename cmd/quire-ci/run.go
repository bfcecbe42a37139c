package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/console"
	"github.com/quire-ci/quire-project/adapters/pipeline"
	"github.com/quire-ci/quire-project/adapters/recording"
	"github.com/quire-ci/quire-project/adapters/shell"
	"github.com/quire-ci/quire-project/adapters/signals"
	"github.com/quire-ci/quire-project/adapters/terminal"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// runFlags are the flags of quire-ci run.
type runFlags struct {
	recording.Record
	workspace  string
	quiet, git bool
	maxLog     int64
	label      []string
	color      string
}

func (p program) runCommand() *cobra.Command {
	flags := runFlags{maxLog: 1 << 30}
	cmd := help.Command("run", command.NoArguments, func(ctx context.Context, _ []string) error {
		err := p.runPipeline(ctx, flags)
		if flags.Succeeded && statusOf(err) == command.StatusFailed { // for quire, only a failure to record is a failure
			p.report(err)
			return nil
		}
		return err
	})
	addWorkspace(cmd, &flags.workspace)
	cmd.Flags().StringVar(&flags.Events, "events", "", "where events go: null, stdout, or a `file` that does not exist yet (default: null)")
	cmd.Flags().StringVar(&flags.Logs, "out-dir", "", "the `folder` for the logs of commands (default: keep no logs)")
	cmd.Flags().StringVar(&flags.Runs, "runs", "", "create a folder for the run in this `folder`, with its events.jsonl and logs, and print its name")
	cmd.Flags().BoolVar(&flags.quiet, "quiet", false, "do not show the output of commands, unless they fail")
	cmd.Flags().BoolVar(&flags.Succeeded, "as-quire", false, "record a complete job as succeeded, and exit with 0 even if the run failed")
	cmd.Flags().StringArrayVar(&flags.label, "label", nil, "add a label to the stream, such as ref=refs/heads/main; can be repeated (`KEY=VALUE`)")
	cmd.Flags().BoolVar(&flags.git, "git", false, "label the run with the workspace's repo, ref and sha, as git knows them")
	const least = 1 << 10 // the log's last line, which reports that the log is full, has to fit
	command.Size(cmd, &flags.maxLog, "max-log", "the `size` that the log of a command can have; the rest of its output is discarded", least)
	command.Colors(cmd, &flags.color)
	_ = cmd.MarkFlagDirname("out-dir") // it is there
	_ = cmd.MarkFlagDirname("runs")
	_ = cmd.RegisterFlagCompletionFunc("events", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{"null", "stdout"}, cobra.ShellCompDirectiveDefault
	})
	return cmd
}

// runPipeline runs the pipeline of a workspace.
func (p program) runPipeline(ctx context.Context, flags runFlags) (err error) {
	switch {
	case flags.Runs != "" && flags.Events+flags.Logs != "":
		return command.Usage("--runs sets where events and logs go; remove --events and --out-dir")
	case flags.Events == "-":
		return command.Usage("--events - is not known; standard output is stdout, and a file of that name ./-")
	}
	drop := flags.Runs+flags.Logs == ""
	loaded, err := pipeline.Load(flags.workspace)
	if err != nil {
		return err
	}
	options, unset := loaded.Options()
	options.MaxLog, options.Kill = flags.maxLog, signals.Kill(ctx)
	options.Labels, err = pipeline.Labels(ctx, loaded.Workspace, flags.label, flags.git)
	if errors.Is(err, pipeline.ErrLabel) {
		return command.Usage("%w", err)
	}
	if err != nil {
		return err
	}
	if err := flags.Open(ctx, p.Out); err != nil {
		return err
	}
	screen := console.New(p.Err, console.Options{Program: p.Name, Color: terminal.Colors(p.Err, flags.color), Quiet: flags.quiet, DropLogs: drop})
	defer func() { err = flags.Close(err, screen.Say) }()
	options.Sink, options.Logs, options.Output, options.Observe = flags.Sink, flags.Logs, screen.Output(), screen.Observe
	for _, name := range unset {
		screen.Say(fmt.Sprintf("the secret %s is not set in the environment, and cannot be hidden", name))
	}
	defer context.AfterFunc(ctx, func() {
		if signals.Kill(ctx).Err() != nil {
			screen.Say("killing the running command")
		} else {
			screen.Say("stopping; a second Ctrl-C kills the running command")
		}
	})()
	result, err := loaded.Pipeline.Run(ctx, options)
	screen.Ended(err, loaded.Pipeline.Order()[len(result.Jobs):])
	return failure(err, loaded, drop)
}

// failure returns the error of a run as the command reports it. shown says that the output of commands
// is on the screen and in no log.
func failure(err error, loaded *pipeline.Loaded, shown bool) error {
	var exit *shell.ExitError
	switch {
	case errors.Is(err, shell.ErrShortSecret):
		set := slices.DeleteFunc(pipeline.Values(loaded.File.Secrets), func(name string) bool { return os.Getenv(name) == "" })
		return command.Usage("the secrets %s: %w", strings.Join(set, ", "), err)
	case errors.As(err, new(*shell.FailedError)) && errors.As(err, &exit):
		where := "in " + exit.Log
		if shown {
			where = "above"
		}
		return &command.StatusError{Status: command.StatusFailed, Err: fmt.Errorf("job %s failed: command %d exited with %d; its output is %s", exit.JobID, exit.Seq, exit.Code, where)}
	}
	return err
}
