// Package command holds what quire-project and quire-ci have in common as commands: their exit
// statuses, messages, flags and help.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

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

// StatusOf returns the exit status for err: that of a [StatusError], or else the one for an
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

// Terminal returns w as a terminal, or nil if it is none.
func Terminal(w io.Writer) *os.File {
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return file
	}
	return nil
}

// Width returns the width of a terminal in columns, or 0 if w is no terminal or its width is unknown.
func Width(w io.Writer) int {
	if file := Terminal(w); file != nil {
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil {
			return columns
		}
	}
	return 0
}

// HasColors reports whether to write colours to w: see no-color.org.
func HasColors(w io.Writer) bool {
	return Terminal(w) != nil && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// TerminalSafe returns a writer to w. If w is a terminal, the writer escapes control characters.
func TerminalSafe(w io.Writer) io.Writer {
	if Terminal(w) != nil {
		return report.TerminalSafe(w)
	}
	return w
}

// Plural formats a count with its noun.
func Plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
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

// ParseHelp reads help texts. Each begins with a line "== USE"; then come a line that says
// what the command does, prose, and after a line "Examples:" the examples.
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

// Command gives a command its help text.
func (h Help) Command(name string, cmd *cobra.Command) *cobra.Command {
	text, ok := h[name]
	if !ok {
		panic("there is no help for " + name)
	}
	cmd.Use, cmd.Short, cmd.Long, cmd.Example = text.Use, text.Short, text.Long, text.Example
	return cmd
}

// helpTemplate starts with the parts that most readers look for.
const helpTemplate = `{{.Short}}.

Usage:{{if .Runnable}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} [command]{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .Long}}

{{trimTrailingWhitespaces .Long}}{{end}}
`

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
	root.InitDefaultCompletionCmd("")
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		completion.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() } // without Run, cobra does not call Args
		completion.Args = func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return Usage("there is no completion for %q; there is bash, fish, powershell and zsh", args[0])
			}
			return nil
		}
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
