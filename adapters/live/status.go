package live

import (
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/quire-ci/quire-project/adapters/internal/display"
)

// status is the state of a run or a job.
type status uint8

const (
	waiting status = iota // named, but not started
	active
	failed
	soFar // complete so far, without a run_finished
	complete
)

// tally holds counts by status.
type tally [complete + 1]int

func (t *tally) count(s status) { t[s]++ }

func (t tally) total() (n int) {
	for _, count := range t {
		n += count
	}
	return n
}

// mark distinguishes statuses without colours.
func (s status) mark() string { return [...]string{"○", "●", "✗", display.SoFarMark, "✓"}[s] }

func (s status) color() text.Color {
	return [...]text.Color{faint, text.FgYellow, text.FgRed, text.FgYellow, text.FgGreen}[s]
}

// more returns the number of hidden items, in total and by status.
func (t tally) more(what string) string {
	total := t.total()
	n := strings.Replace(display.Plural(total, what), " ", " more ", 1)
	if t[complete] == total {
		return n + " done"
	}
	var of []string
	for _, part := range []struct {
		status status
		word   string
	}{{active, "running"}, {failed, "failed"}, {soFar, "complete so far"}, {complete, "done"}, {waiting, "not started"}} {
		if t[part.status] > 0 {
			of = append(of, strconv.Itoa(t[part.status])+" "+part.word)
		}
	}
	return n + ": " + strings.Join(of, ", ")
}
