// Package console shows a person how a run of package shell goes: its jobs, its commands and
// their output, as they come.
//
//	screen := console.New(os.Stderr, console.Options{Program: "my-ci"})
//	_, err := p.Run(ctx, shell.Options{Observe: screen.Observe, Output: screen.Output(), …})
package console

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/runlog"
	"github.com/quire-ci/quire-project/adapters/shell"
	"github.com/quire-ci/quire-project/domain"
)

// Options are the options of a [Screen].
type Options struct {
	// Program begins the lines of [Screen.Say].
	Program string
	Color   bool
	// Quiet shows the output of commands only if they fail: the end of their logs, or
	// all of them if DropLogs says that nobody can read the logs later.
	Quiet, DropLogs bool
}

// Screen shows a run. What cannot be written is not shown, and the run continues. It is safe for
// concurrent use.
type Screen struct {
	Options
	mu  sync.Mutex
	out io.Writer

	// When the run, its current job and its current command began.
	begun, jobBegun, shBegun int64
	latest                   int64
	jobs, commands           int

	open runlog.Output // the output whose line has not ended yet, if any
}

// New returns a screen that writes to out.
func New(out io.Writer, options Options) *Screen { return &Screen{Options: options, out: out} }

// Output is where the output of commands is shown as it comes; nil if it is not.
func (s *Screen) Output() io.Writer {
	if s.Quiet {
		return nil
	}
	return s
}

// Observe shows a step of the run.
func (s *Screen) Observe(progress shell.Progress) {
	event := progress.Event
	s.step(event)
	if s.Quiet && event.Kind == domain.ShFinished && event.ExitCode != 0 {
		if err := s.show(progress.Log); err != nil {
			s.Say(fmt.Sprintf("a log cannot be shown: %v", err))
		}
	}
}

func (s *Screen) step(event domain.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun == 0 {
		s.begun = event.AtMs
	}
	s.latest = event.AtMs
	switch event.Kind {
	case domain.JobStarted:
		s.jobBegun = event.AtMs
		s.jobs++
		s.line(text.Bold, "▶ "+printable(event.JobID))
	case domain.ShStarted:
		s.shBegun = event.AtMs
		s.commands++
		s.command(event.Cmd)
	case domain.ShFinished:
		s.finished(event)
	case domain.JobFinished:
		if event.Outcome == domain.Failed {
			s.line(text.FgRed, fmt.Sprintf("✗ %s failed after %s", printable(event.JobID), since(s.jobBegun, event)))
		}
	}
}

// command shows a command, each of its lines on one.
func (s *Screen) command(cmd string) {
	sign := "  $ "
	for line := range strings.Lines(cmd) {
		s.line(text.Faint, sign+printable(strings.TrimSuffix(line, "\n")))
		sign = "    "
	}
}

func (s *Screen) finished(event domain.Event) {
	took := since(s.shBegun, event)
	if event.ExitCode == 0 {
		s.line(text.FgGreen, "  ✓ "+took)
		return
	}
	s.line(text.FgRed, fmt.Sprintf("  ✗ exit code %d after %s", event.ExitCode, took))
}

// Ended shows how the run ended: that it succeeded, or which of its jobs did not run.
func (s *Screen) Ended(err error, notRun []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		took := time.Duration(s.latest-s.begun) * time.Millisecond
		s.line(text.FgGreen, fmt.Sprintf("✓ %s, %s in %s", display.Plural(s.jobs, "job"), display.Plural(s.commands, "command"), took))
	}
	if s.jobs > 0 && len(notRun) > 0 {
		s.line(text.Faint, printable("○ not run: "+strings.Join(notRun, ", ")))
	}
}

// Write shows lines of a log, without their prefixes. A piece of a line is shown as it comes; the
// next piece of the same output continues it.
func (s *Screen) Write(log []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var shown strings.Builder
	for line := range bytes.Lines(log) {
		s.piece(&shown, runlog.Parse(line))
	}
	_, _ = io.WriteString(s.out, shown.String())
	return len(log), nil
}

// piece adds a piece of a log to the shown output.
func (s *Screen) piece(shown *strings.Builder, p runlog.Piece) {
	if p.Output == runlog.Damaged {
		return
	}
	if s.open != p.Output {
		shown.WriteString(s.lineEnd() + "    | ")
	}
	shown.WriteString(printable(string(p.Text)))
	if s.open = p.Output; p.End {
		shown.WriteString(s.lineEnd())
	}
}

// lineEnd ends the line that is open, if any.
func (s *Screen) lineEnd() string {
	if s.open == runlog.Damaged {
		return ""
	}
	s.open = runlog.Damaged
	return "\n"
}

// Say shows a line of the program's own.
func (s *Screen) Say(words string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = io.WriteString(s.out, s.lineEnd())
	fmt.Fprintln(s.out, report.Printable(s.Program+": "+words))
}

func (s *Screen) line(color text.Color, words string) {
	if s.Color {
		words = color.EscapeSeq() + words + text.EscapeReset
	}
	fmt.Fprintln(s.out, s.lineEnd()+words)
}

// printable makes a line of a command or of an output fit for a terminal.
func printable(line string) string {
	return report.Printable(strings.ReplaceAll(strings.TrimSuffix(line, "\r"), "\t", "    "))
}

// since says how long something took that an event ends; 0s if the clock was set back meanwhile.
func since(begun int64, event domain.Event) string {
	return max(0, time.Duration(event.AtMs-begun)*time.Millisecond).String()
}
