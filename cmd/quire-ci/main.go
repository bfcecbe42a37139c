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
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/pipeline"
	"github.com/quire-ci/quire-project/adapters/report"
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
	cmd.Flags().StringVar(workspace, "workspace", "", "the `folder` that has the .quire/ci.yaml, and in which commands run (default: the nearest upwards)")
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
