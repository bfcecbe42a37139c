package live

import (
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// standing is how a run or a job stands.
type standing uint8

const (
	waiting standing = iota // named, but not started
	active
	failed
	soFar // complete, and nothing says that it is over
	complete
)

func standingOf(outcome domain.Outcome) standing {
	if outcome == domain.Complete {
		return complete
	}
	return failed
}

// standing of a run is that of its row, but as long as something is open in a run
// that has not ended, it goes on, whatever has failed. One in trouble has failed.
func (r *boardRun) standing() standing {
	row, run := r.current(), r.fold.Run()
	switch {
	case r.trouble != "":
		return failed
	case !row.Ended && (run.OpenJobs > 0 || run.OpenSh > 0), row.State == projections.Active:
		return active
	case row.State == projections.Failed:
		return failed
	case !row.Ended:
		return soFar
	}
	return complete
}

// tally counts by standing.
type tally [complete + 1]int

func (t *tally) count(s standing) { t[s]++ }

func (t *tally) total() (n int) {
	for _, count := range t {
		n += count
	}
	return n
}

func jobStanding(job *projections.TrackedJob) standing {
	switch {
	case job.Final:
		return standingOf(job.Outcome)
	case job.Started || job.OpenSh > 0:
		return active
	}
	return waiting
}

// mark makes a standing recognisable where there are no colours.
func (s standing) mark() string { return [...]string{"○", "●", "✗", display.SoFarMark, "✓"}[s] }

func (s standing) color() text.Color {
	return [...]text.Color{faint, text.FgYellow, text.FgRed, text.FgYellow, text.FgGreen}[s]
}

// more says how many more of something there are, and how they stand.
func (t tally) more(what string) string {
	total := t.total()
	n := strings.Replace(display.Plural(total, what), " ", " more ", 1)
	if t[complete] == total {
		return n + " done"
	}
	var of []string
	for _, part := range []struct {
		standing standing
		word     string
	}{{active, "running"}, {failed, "failed"}, {soFar, "complete so far"}, {complete, "done"}, {waiting, "not started"}} {
		if t[part.standing] > 0 {
			of = append(of, strconv.Itoa(t[part.standing])+" "+part.word)
		}
	}
	return n + ": " + strings.Join(of, ", ")
}
