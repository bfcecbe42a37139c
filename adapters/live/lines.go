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

// Lines shows runs where there is no terminal, as one line for each thing that
// people wait for: a job that has started or ended, a command that has ended with a code
// other than 0, a run that has ended, and at the end which are not over. Each begins with the run's id:
//
//	rapid-ci job build started
//	rapid-ci job build complete after 586ms
//	rapid-ci job test command 2 exit 1 after 3ms: grep -q …
//	rapid-ci job test failed after 420ms
//	rapid-ci run failed after 5.7s
//
// What the code of a command means is seen when its job ends: a job that is complete has
// looked at it. A time that the stream does not tell is left out. Lines have no colours and
// no characters but printable ones.
type Lines struct {
	out *Queue

	mu   sync.Mutex
	runs map[domain.RunID]*projections.Fold
	// open are the runs that were not over when they were released, or at the end.
	open map[domain.RunID]display.Verdict
	text []byte // that is not in the queue yet
	mute bool   // what comes was said before
}

// maxLineText is how many columns of an id or a command are in a line.
const maxLineText = 200

// NewLines returns a view that writes lines to out.
func NewLines(out *Queue) *Lines {
	return &Lines{out: out, runs: map[domain.RunID]*projections.Fold{}, open: map[domain.RunID]display.Verdict{}}
}

// Take says what some entries have done to a run.
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

// Release forgets a run, but for whether it is over.
func (l *Lines) Release(run domain.RunID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if fold := l.runs[run]; fold != nil {
		fold.Open()
	}
	delete(l.runs, run)
}

// Replay takes note of how a run stands, and says nothing.
func (l *Lines) Replay(run domain.RunID, entries []domain.Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mute = true
	l.fold(run, entries)
	l.mute = false
}

// Restart says that a run is read from its beginning, and does so.
func (l *Lines) Restart(run domain.RunID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.runs, run)
	delete(l.open, run)
	l.line(run, "run is read from its beginning")
	l.write()
}

// Trouble says why a run is not read on.
func (l *Lines) Trouble(run domain.RunID, message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line(run, "run is not read on: "+shown(message))
	l.write()
}

// Waiting says nothing: all runs wait for the same, and that is said once.
func (l *Lines) Waiting(domain.RunID, string) {}

// maxOpen is how many runs that are not over have a line at the end.
const maxOpen = 20

// Close says which runs are not over, and waits until all is written, see [Queue.Close].
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

// write has what there is written. Close tells if that fails.
func (l *Lines) write() {
	if len(l.text) > 0 {
		_, _ = l.out.Write(l.text)
	}
	l.text = l.text[:0]
}

// words says what has happened.
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

// shown is a text of a stream as it is in a line.
func shown(s string) string {
	printable, _ := display.Fit(s, maxLineText)
	return printable
}
