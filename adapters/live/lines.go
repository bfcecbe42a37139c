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
	runs map[domain.RunID]*run
	// released is what is kept of runs that were released.
	released map[domain.RunID]released
	text     []byte // text that is not in the queue yet
}

// released is what Lines keeps of a run that was released: how many of its events were shown, and
// what to say about the run at the end.
type released struct {
	events  int64
	ended   bool
	verdict display.Verdict
}

// maxLineText is the maximum number of columns of an id or a command in a line.
const maxLineText = 200

// NewLines returns a view that writes lines to out.
func NewLines(out *Queue) *Lines {
	return &Lines{out: out, runs: map[domain.RunID]*run{}, released: map[domain.RunID]released{}}
}

// Show writes lines about the changes in rows of a run. After a release, all rows come again: Show
// writes nothing until there are more events than were shown.
func (l *Lines) Show(id domain.RunID, whole bool, rows eachRow) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.runs[id]
	if r == nil {
		r = &run{}
		l.runs[id] = r
	}
	update := r.update
	if whole {
		update = r.replace
	}
	milestones := update(rows)
	if before, ok := l.released[id]; ok && r.row.Events <= before.events {
		return
	}
	delete(l.released, id)
	for i := range milestones {
		l.line(id, milestones[i].words())
	}
	l.write()
}

// Release forgets a run, except for what must be known to continue.
func (l *Lines) Release(id domain.RunID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.release(id)
}

func (l *Lines) release(id domain.RunID) {
	if r := l.runs[id]; r != nil && r.row.Events >= l.released[id].events {
		l.released[id] = released{r.row.Events, r.row.Ended, display.OfRun(&r.row)}
	}
	delete(l.runs, id)
}

// Restart writes that a run is read from its beginning, and forgets its state.
func (l *Lines) Restart(run domain.RunID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.runs, run)
	delete(l.released, run)
	l.line(run, "run is read from its beginning")
	l.write()
}

// Trouble writes why reading a run has stopped.
func (l *Lines) Trouble(run domain.RunID, message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line(run, "run is skipped: "+shown(message))
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
	for run := range l.runs {
		l.release(run)
	}
	maps.DeleteFunc(l.released, func(_ domain.RunID, r released) bool { return r.ended })
	runs := slices.Sorted(maps.Keys(l.released))
	for _, run := range runs[:min(len(runs), maxOpen)] {
		l.line(run, [...]string{
			display.Failed: "run not over; a job has failed", display.Unfinished: "run not over",
			display.CompleteSoFar: "run not over; complete so far",
		}[l.released[run].verdict])
	}
	if more := len(runs) - maxOpen; more > 0 {
		l.text = fmt.Appendf(l.text, "%s more not over\n", display.Plural(more, "run"))
	}
	l.write()
	return l.out.Close()
}

func (l *Lines) line(run domain.RunID, words string) {
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
	job := "job " + shown(display.Name(m.jobID))
	switch m.what {
	case jobStarted:
		return job + " started"
	case jobEnded:
		return job + " " + string(m.state) + m.after()
	case shExited:
		return job + " command " + strconv.Itoa(m.seq) + " " + display.Exit(m.exitCode) + m.after() + ": " + shown(m.cmd)
	}
	return "run " + string(m.state) + m.after()
}

func (m *milestone) after() string {
	if !m.took.Valid {
		return ""
	}
	return " after " + took(m.took)
}

// shown returns a text of a stream in the form that a line can contain.
func shown(s string) string {
	printable, _ := display.Fit(s, maxLineText)
	return printable
}
