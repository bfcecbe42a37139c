package live

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Lines shows runs without a terminal. It writes one line for each start or end of a job, each
// command that ends with a code other than 0, and each end of a run; at the end it lists the runs
// that are not over. Each line begins with the run's id:
//
//	rapid-ci job build started
//	rapid-ci job build complete after 586ms
//	rapid-ci job test command 2 exit 1 after 3ms: grep -q …
//	rapid-ci job test failed after 420ms
//	rapid-ci run failed after 5.7s
//
// A job that completes has handled its commands' exit codes. Lines omits times that the stream does
// not contain. It writes no colours, and printable characters only.
type Lines struct {
	out *Queue

	mu   sync.Mutex
	runs map[domain.RunID]*projections.Fold
	// open holds the runs that were not over when they were released, or at the end.
	open map[domain.RunID]display.Verdict
	text []byte // text that is not in the queue yet
	mute bool   // the entries were shown before
}

// maxLineText is the maximum number of columns of an id or a command in a line.
const maxLineText = 200

// NewLines returns a view that writes lines to out.
func NewLines(out *Queue) *Lines {
	return &Lines{out: out, runs: map[domain.RunID]*projections.Fold{}, open: map[domain.RunID]display.Verdict{}}
}

// Take writes lines about the effect of some entries on a run.
func (l *Lines) Take(run domain.RunID, entries []domain.Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fold(run, entries)
	l.write()
}

func (l *Lines) fold(run domain.RunID, entries []domain.Entry) {
	fold := l.runs[run]
	if fold == nil {
		fold = projections.NewFold(run, milestones.Into(func(row *projections.Row[milestone]) {
			l.line(run, row.Value.words())
		}), projections.Runs.Into(func(row *projections.Row[projections.Run]) {
			if !row.Value.Ended {
				l.open[run] = display.OfRun(&row.Value)
			}
		}))
		l.runs[run] = fold
		delete(l.open, run)
	}
	for i := range entries {
		fold.Apply(&entries[i])
	}
}

// Release forgets a run, but remembers whether it is over.
func (l *Lines) Release(run domain.RunID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if fold := l.runs[run]; fold != nil {
		fold.Open()
	}
	delete(l.runs, run)
}

// Replay updates the state of a run without writing lines.
func (l *Lines) Replay(run domain.RunID, entries []domain.Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mute = true
	l.fold(run, entries)
	l.mute = false
}

// Restart writes that a run is read from its beginning, and forgets its state.
func (l *Lines) Restart(run domain.RunID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.runs, run)
	delete(l.open, run)
	l.line(run, "run is read from its beginning")
	l.write()
}

// Trouble writes why reading a run has stopped.
func (l *Lines) Trouble(run domain.RunID, message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line(run, "run is not read on: "+shown(message))
	l.write()
}

// Waiting writes nothing: all runs wait for the same store, which is reported once elsewhere.
func (l *Lines) Waiting(domain.RunID, string) {}

// maxOpen is how many unfinished runs get a line at the end.
const maxOpen = 20

// Close writes which runs are not over, and waits until everything is written, see [Queue.Close].
func (l *Lines) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, fold := range l.runs {
		fold.Open()
	}
	clear(l.runs)
	runs := slices.Sorted(maps.Keys(l.open))
	for _, run := range runs[:min(len(runs), maxOpen)] {
		l.line(run, [...]string{
			display.Failed: "run not over; a job has failed", display.Unfinished: "run not over",
			display.CompleteSoFar: "run not over; complete so far",
		}[l.open[run]])
	}
	if more := len(runs) - maxOpen; more > 0 {
		l.text = fmt.Appendf(l.text, "%s more not over\n", display.Plural(more, "run"))
	}
	l.write()
	return l.out.Close()
}

func (l *Lines) line(run domain.RunID, words string) {
	if l.mute {
		return
	}
	before, behind := display.Around(string(run))
	if before != "" {
		words = strings.TrimPrefix(words, "run ")
	}
	l.text = fmt.Appendf(l.text, "%s%s%s%s\n", before, shown(display.Name(string(run))), behind, words)
}

// write passes the text to the queue. Close returns an error of writing.
func (l *Lines) write() {
	if len(l.text) > 0 {
		_, _ = l.out.Write(l.text)
	}
	l.text = l.text[:0]
}

// words describes the milestone.
func (m *milestone) words() string {
	job := "job " + shown(display.Name(m.JobID))
	switch m.What {
	case jobStarted:
		return job + " started"
	case jobEnded:
		return job + " " + m.Outcome + m.after()
	case shExited:
		return job + " command " + strconv.Itoa(m.Seq) + " " + display.Exit(m.ExitCode) + m.after() + ": " + shown(m.Cmd)
	}
	return "run " + m.Outcome + m.after()
}

func (m *milestone) after() string {
	if !m.TookMs.Valid {
		return ""
	}
	return " after " + took(m.TookMs)
}

// shown returns a text of a stream in the form that a line can contain.
func shown(s string) string {
	printable, _ := display.Fit(s, maxLineText)
	return printable
}
