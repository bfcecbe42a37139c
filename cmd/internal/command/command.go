// Package command holds what quire-project and quire-ci have in common as commands: their exit
// statuses, messages, flags and help.
package command

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/report"
)

// The exit statuses; the help of both root commands explains them.
const (
	StatusOK          = 0
	StatusIO          = 1
	StatusUsage       = 2
	StatusActive      = 3
	StatusMalformed   = 4
	StatusFound       = 5
	StatusFailed      = 6
	StatusInterrupted = 130
)

// StatusError is an error that sets the exit status. If Err is nil, all messages have been printed
// already.
type StatusError struct {
	Status int
	Err    error
}

func (e *StatusError) Error() string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

func (e *StatusError) Unwrap() error { return e.Err }

// End returns an error that sets the exit status after all messages have been printed.
func End(status int) error {
	if status == StatusOK {
		return nil
	}
	return &StatusError{Status: status}
}

// Usage returns the error for a wrong command line.
func Usage(format string, values ...any) error {
	return &StatusError{StatusUsage, fmt.Errorf(format, values...)}
}

// StatusOf returns the exit status for err: the one of a [StatusError], or else the one for an
// interruption or for I/O.
func StatusOf(err error) int {
	var status *StatusError
	switch {
	case err == nil:
		return StatusOK
	case errors.As(err, &status):
		return status.Status
	case errors.Is(err, context.Canceled):
		return StatusInterrupted
	}
	return StatusIO
}

// Stdio has the outputs of a command.
type Stdio struct {
	// Name is the name of the program, which begins each line on Err.
	Name     string
	Out, Err io.Writer
}

// Say writes a one-line message to w, which is Err or a writer in front of it. Say escapes text that
// could control the terminal.
func (s Stdio) Say(w io.Writer, words string) {
	lines := strings.FieldsFunc(words, func(r rune) bool { return r == '\n' })
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	// PostgreSQL's client repeats an error for each way in which it tried an address.
	fmt.Fprintln(w, report.Printable(s.Name+": "+strings.Join(slices.Compact(lines), " ")))
}

// NoArguments returns an error for arguments that are neither commands nor flags.
func NoArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return Usage("%q: %s takes flags only; see %s --help", args[0], cmd.Name(), cmd.CommandPath())
	}
	return nil
}

// Help has the help texts of commands, by their names.
type Help map[string]cobra.Command

// ParseHelp parses help texts. Each begins with a line "== USE", followed by a line that says what
// the command does, prose, and, after a line "Examples:", the examples.
func ParseHelp(text string) Help {
	h := Help{}
	for section := range strings.SplitSeq(strings.TrimPrefix(text, "== "), "\n== ") {
		use, text, _ := strings.Cut(section, "\n\n")
		short, text, _ := strings.Cut(text, "\n\n")
		long, example, _ := strings.Cut(text, "\n\nExamples:\n")
		name, _, _ := strings.Cut(use, " ")
		h[name] = cobra.Command{Use: use, Short: short, Long: long, Example: strings.TrimRight(example, "\n")}
	}
	return h
}

// Command returns a command with its help text. It calls run, unless that is nil, with arguments that
// args accepts.
func (h Help) Command(name string, args cobra.PositionalArgs, run func(ctx context.Context, args []string) error) *cobra.Command {
	cmd, ok := h[name]
	if !ok {
		panic("there is no help for " + name)
	}
	cmd.Args = args
	cmd.RunE = func(cmd *cobra.Command, args []string) error { // without it, cobra does not call Args
		if run == nil {
			return nil
		}
		return run(cmd.Context(), args)
	}
	cmd.Flags().SortFlags = false
	return &cmd
}

// Group returns a command that does nothing without one of its subcommands.
func (h Help) Group(name string, commands ...*cobra.Command) *cobra.Command {
	group := h.Command(name, nil, nil)
	group.AddCommand(commands...)
	group.Args = oneOf(group)
	return group
}

// oneOf refuses all arguments, which are not names of the group's commands, and suggests one that is.
func oneOf(group *cobra.Command) cobra.PositionalArgs {
	names := namesIn(group) // before cobra adds others
	last := len(names) - 1
	all := strings.Join(names[:last], ", ")
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return Usage("name a command: %s or %s; see %s --help", all, names[last], group.CommandPath())
		}
		near := cmp.Or(DidYouMean(args[0], names), fmt.Sprintf("; there is %s and %s", all, names[last]))
		_, path, _ := strings.Cut(group.CommandPath()+" "+args[0], " ")
		return Usage("there is no command %q%s", path, near)
	}
}

func namesIn(group *cobra.Command) (names []string) {
	for _, sub := range group.Commands() {
		names = append(names, sub.Name())
	}
	return names
}

// isCommand refuses arguments that name no command. Cobra would explain another one.
func isCommand(cmd *cobra.Command, args []string) error {
	found, unknown, err := cmd.Root().Find(args)
	if err == nil && len(unknown) == 0 {
		return nil
	}
	return Usage("there is no command %q%s", strings.Join(args, " "), DidYouMean(args[len(args)-1], namesIn(found)))
}

// helpTemplate starts with the parts that most readers look for.
//
//go:embed help.tmpl
var helpTemplate string

// Execute runs the command that args name. It configures root and its subcommands to refuse ambiguous
// flags, to complete them, and to print help and their version in the same way.
func (s Stdio) Execute(ctx context.Context, root *cobra.Command, args []string) error {
	root.SetArgs(args)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.Version = version()
	root.SetVersionTemplate(s.Name + " {{.Version}}\n")
	root.SetHelpTemplate(helpTemplate)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return Usage("%w; see %s --help", explain(err), cmd.CommandPath())
	})
	root.SuggestionsMinimumDistance = 2
	root.InitDefaultHelpCmd()
	if help, _, err := root.Find([]string{"help"}); err == nil {
		help.Args = isCommand
	}
	root.InitDefaultCompletionCmd("")
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		completion.RunE = func(cmd *cobra.Command, _ []string) error { return nil } // without Run, cobra does not call Args
		completion.Args = oneOf(completion)
	}
	if len(args) == 0 || args[0] != cobra.ShellCompRequestCmd { // completion parses flags twice
		strictly(root)
	}
	return root.ExecuteContext(ctx)
}

// version returns the version of this build.
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
