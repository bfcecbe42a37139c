package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/quire-ci/quire-project/cmd/internal/flags"
)

// stdio is what a command talks to.
type stdio struct {
	out io.Writer
	err io.Writer
}

// isTerminal reports whether somebody looks at what is written to w.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// run runs the program and returns its exit status.
func run(ctx context.Context, args []string, io stdio) int {
	root := newRoot(io)
	root.SetArgs(args)
	root.SetOut(io.out)
	root.SetErr(io.err)
	if !slices.Contains(args[:min(len(args), 1)], cobra.ShellCompRequestCmd) { // which parses flags twice
		flags.Strict(root)
	}
	err := root.ExecuteContext(ctx)
	tell(io.err, err)
	return statusOf(err)
}

func newRoot(io stdio) *cobra.Command {
	root := &cobra.Command{
		Use:   "quire-ci COMMAND",
		Short: "Run a pipeline and record the run",
		Long: `Run a pipeline and record the run.

A pipeline is the file .quire/ci.yaml in a workspace: jobs, what they need, and
their shell commands. The record of a run is a stream of events, and a log for
each command. quire-project turns streams into tables, JSON and rows in databases.

Exit status: 0 the run succeeded, or the file is valid; 6 the run failed; 5 the
file is not valid; 1 a file could not be read or written, and no step was taken
that could not be recorded; 2 wrong usage; 130 interrupted.`,
		Example: `  quire-ci validate                              check the file
  quire-ci run                                   run it
  quire-ci run --runs runs                       run it, and keep stream and logs
  quire-ci run --events stdout | quire-project - --to table`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(fmt.Errorf("name a command: run or validate; see %s --help", cmd.CommandPath()))
			}
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				return usageError(fmt.Errorf("there is no command %q; did you mean %s?", args[0], near[0]))
			}
			return usageError(fmt.Errorf("there is no command %q; see %s --help", args[0], cmd.CommandPath()))
		},
		Run:                   func(*cobra.Command, []string) {}, // or Args would not be asked
		Version:               version(),
		DisableFlagsInUseLine: true,
		SilenceErrors:         true,
		SilenceUsage:          true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError(fmt.Errorf("%w; see %s --help", flags.Explain(err), cmd.CommandPath()))
	})
	root.SetVersionTemplate("quire-ci {{.Version}}\n")
	root.SuggestionsMinimumDistance = 2
	root.AddCommand(newRun(io), newValidate(io))
	root.InitDefaultCompletionCmd("")
	return root
}

// addWorkspace adds the flag that says where the pipeline is.
func addWorkspace(cmd *cobra.Command, workspace *string) {
	cmd.Flags().StringVar(workspace, "workspace", "", "the `folder` that has the .quire/ci.yaml, and in which commands run (default: the nearest upwards)")
	_ = cmd.MarkFlagDirname("workspace") // it is there
}

// noArguments refuses what is neither a command nor a flag.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError(fmt.Errorf("%q is more than %s takes; see %s --help", args[0], cmd.CommandPath(), cmd.CommandPath()))
	}
	return nil
}

// version says which build this is.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	parts := []string{strings.TrimSuffix(info.Main.Version, "+dirty")}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && len(setting.Value) >= 12 {
			parts = append(parts, setting.Value[:12])
		}
	}
	return strings.Join(append(parts, info.GoVersion), " ")
}
