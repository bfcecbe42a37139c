package live

import (
	"cmp"
	"strings"
)

// candidate is a run that may be shown, and what its place depends on.
type candidate struct {
	run      *boardRun
	rank     int
	standing standing
	started  int64
}

// Those that go on come first, then those that failed; of either, the newest.
func (c candidate) compare(other candidate) int {
	return cmp.Or(cmp.Compare(c.rank, other.rank), cmp.Compare(other.started, c.started), strings.Compare(string(c.run.id), string(other.run.id)))
}

func (r *boardRun) candidate() candidate {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := candidate{run: r, standing: r.standing(), started: r.fold.Run().FirstAtMs}
	switch {
	case !r.current().Ended && r.trouble == "":
		c.rank = 0 // it goes on
	case c.standing == failed:
		c.rank = 1
	default:
		c.rank = 2
	}
	return c
}
