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
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/cmd/internal/command"
)

//go:embed help.txt
var helpText string

var help = command.ParseHelp(helpText)

func main() {
	if os.Getpid() == 1 {
		os.Exit(init1())
	}
	os.Exit(run(heedSignals(), os.Args[1:], os.Stdout, os.Stderr))
}

// run runs the program and returns its exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	p := program{command.Stdio{Name: "quire-ci", Out: stdout, Err: stderr}}
	err := p.Execute(ctx, p.root(), args)
	p.report(err)
	return statusOf(err)
}

// program is the command with its outputs.
type program struct{ command.Stdio }

func (p program) root() *cobra.Command {
	root := help.Command("quire-ci", &cobra.Command{
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return command.Usage("name a command: run or validate; see %s --help", cmd.CommandPath())
			}
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				return command.Usage("there is no command %q; did you mean %s?", args[0], near[0])
			}
			return command.Usage("there is no command %q; see %s --help", args[0], cmd.CommandPath())
		},
		Run:                   func(*cobra.Command, []string) {}, // without Run, cobra does not call Args
		DisableFlagsInUseLine: true,
	})
	root.AddCommand(p.runCommand(), p.validateCommand())
	return root
}

// addWorkspace adds the flag for the folder of the pipeline.
func addWorkspace(cmd *cobra.Command, workspace *string) {
	cmd.Flags().StringVar(workspace, "workspace", "", "the `folder` that has the .quire/ci.yaml, and in which commands run (default: the nearest upwards)")
	_ = cmd.MarkFlagDirname("workspace") // it is there
}
