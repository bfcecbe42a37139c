package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/shell"
	"github.com/quire-ci/quire-project/domain"
)

// screen is where people see how a run goes: standard error. What cannot be written
// there is not seen, and the run goes on.
type screen struct {
	mu    sync.Mutex
	out   io.Writer
	color bool

	begun    int64 // when the run began, and what goes on now
	jobBegun int64
	shBegun  int64
	commands int
	latest   int64

	open string // the stream of a log whose line has not ended yet
}

func newScreen(out io.Writer) *screen {
	return &screen{out: out, color: isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

// observe shows a step of the run.
func (s *screen) observe(progress shell.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	event := progress.Event
	if s.begun == 0 {
		s.begun = event.AtMs
	}
	s.latest = event.AtMs
	switch event.Kind {
	case domain.JobStarted:
		s.jobBegun = event.AtMs
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
func (s *screen) command(cmd string) {
	sign := "  $ "
	for line := range strings.Lines(cmd) {
		s.line(text.Faint, sign+printable(strings.TrimSuffix(line, "\n")))
		sign = "    "
	}
}

func (s *screen) finished(event domain.Event) {
	took := since(s.shBegun, event)
	if event.ExitCode == 0 {
		s.line(text.FgGreen, "  ✓ "+took)
		return
	}
	s.line(text.FgRed, fmt.Sprintf("  ✗ exit code %d after %s", event.ExitCode, took))
}

// succeeded shows that the run, of so many jobs, is complete.
func (s *screen) succeeded(jobs int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	took := time.Duration(s.latest-s.begun) * time.Millisecond
	s.line(text.FgGreen, fmt.Sprintf("✓ %s, %s in %s", plural(jobs, "job"), plural(s.commands, "command"), took))
}

// notRun shows which jobs did not run.
func (s *screen) notRun(ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(ids) > 0 {
		s.line(text.Faint, printable("○ not run: "+strings.Join(ids, ", ")))
	}
}

// interrupted shows that the run is about to stop, or to be killed.
func (s *screen) interrupted(killed bool) {
	if killed {
		s.say("killing what is running")
	} else {
		s.say("stopping; a second Ctrl-C kills what is running")
	}
}

// Write shows lines of a log, without what stands before their text. A piece of a line is shown
// as it comes, and what comes next of the same stream goes on from there.
func (s *screen) Write(log []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var shown strings.Builder
	for line := range strings.Lines(string(log)) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4) // time, stream, tag, text
		if len(fields) < 4 {
			continue
		}
		stream, tag, text := fields[1], fields[2], fields[3]
		if s.open != stream {
			shown.WriteString(s.lineEnd() + "    | ")
		}
		shown.WriteString(printable(text))
		if s.open = stream; tag == "F" {
			shown.WriteString(s.lineEnd())
		}
	}
	_, _ = io.WriteString(s.out, shown.String())
	return len(log), nil
}

// lineEnd ends the line that is open, if any.
func (s *screen) lineEnd() string {
	if s.open == "" {
		return ""
	}
	s.open = ""
	return "\n"
}

// say shows a line of the program's own.
func (s *screen) say(words string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = io.WriteString(s.out, s.lineEnd())
	say(s.out, words)
}

func (s *screen) line(color text.Color, words string) {
	if s.color {
		words = color.EscapeSeq() + words + text.EscapeReset
	}
	fmt.Fprintln(s.out, s.lineEnd()+words)
}

// printable makes a line of a command or of an output fit to be looked at.
func printable(line string) string {
	return report.Printable(strings.ReplaceAll(strings.TrimSuffix(line, "\r"), "\t", "    "))
}

// since says how long something took that an event ends. A clock that was set back
// in between knows nothing of it.
func since(begun int64, event domain.Event) string {
	return max(0, time.Duration(event.AtMs-begun)*time.Millisecond).String()
}
