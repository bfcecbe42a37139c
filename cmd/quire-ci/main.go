// Command quire-ci runs the jobs of a workspace's .quire/ci.yaml and records the
// run as a stream of events.
//
//	quire-ci run --events run.jsonl --out-dir out
//
// It has flags, wiring and exit statuses. adapters/pipeline reads the file, adapters/shell runs
// the jobs, and adapters/console shows how that goes.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/pipeline"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/shell"
	"github.com/quire-ci/quire-project/adapters/signals"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

//go:embed help.txt
var helpText string

var help = command.ParseHelp(helpText)

const name = "quire-ci"

func main() {
	if os.Getpid() != 1 {
		os.Exit(run(signals.Heed(), os.Args[1:], os.Stdout, os.Stderr))
	}
	status, err := signals.Init()
	if err != nil {
		command.Stdio{Name: name}.Say(os.Stderr, fmt.Sprintf("as process 1: %v", err))
		status = command.StatusIO
	}
	os.Exit(status)
}

// run runs the program and returns its exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	p := program{command.Stdio{Name: name, Out: stdout, Err: stderr}}
	err := p.Execute(ctx, p.root(), args)
	p.report(err)
	return statusOf(err)
}

// program is the command with its outputs.
type program struct{ command.Stdio }

func (p program) root() *cobra.Command {
	root := help.Group(name, p.runCommand(), p.validateCommand())
	root.DisableFlagsInUseLine = true
	return root
}

// addWorkspace adds the flag for the folder of the pipeline.
func addWorkspace(cmd *cobra.Command, workspace *string) {
	cmd.Flags().StringVar(workspace, "workspace", "", "the `folder` with the .quire/ci.yaml, in which commands run (default: this folder, or the nearest one above)")
	_ = cmd.MarkFlagDirname("workspace") // it is there
}

func (p program) validateCommand() *cobra.Command {
	var workspace string
	cmd := help.Command("validate", command.NoArguments, func(context.Context, []string) error {
		loaded, err := pipeline.Load(workspace)
		if err != nil {
			return err
		}
		for _, line := range loaded.Lines() {
			if _, err := fmt.Fprintln(p.Out, report.Printable(line)); err != nil {
				return err
			}
		}
		return nil
	})
	addWorkspace(cmd, &workspace)
	return cmd
}

// statusOf returns the exit status for err.
func statusOf(err error) int {
	switch {
	case errors.As(err, new(*command.StatusError)):
	case errors.As(err, new(*pipeline.InvalidError)):
		return command.StatusFound
	case errors.As(err, new(*shell.RecordError)):
		return command.StatusIO
	case errors.As(err, new(signals.Interrupted)):
		return command.StatusInterrupted
	case errors.As(err, new(*shell.FailedError)):
		return command.StatusFailed
	}
	return command.StatusOf(err)
}

// report writes an error: what failed, where, and what to do, with one line for each problem.
func (p program) report(err error) {
	if invalid, ok := errors.AsType[*pipeline.InvalidError](err); ok {
		for _, line := range invalid.Lines() {
			fmt.Fprintln(p.Err, report.Printable(line))
		}
	}
	if err != nil {
		p.Say(p.Err, err.Error()+advice(err))
	}
}

// advice returns what to do about an error, unless the error's text already says so.
func advice(err error) string {
	switch {
	case errors.As(err, new(*shell.RecordError)) && errors.Is(err, syscall.EPIPE):
		return "; the reader of the events must read all of them"
	case errors.Is(err, syscall.ENOSPC):
		return "; make room and run it again, with other names for the files that it has left"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		return "; check the path"
	case errors.Is(err, fs.ErrPermission):
		return "; check the permissions"
	}
	return ""
}
