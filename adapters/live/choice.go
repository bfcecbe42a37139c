package live

import (
	"slices"

	"github.com/quire-ci/quire-project/projections"
)

// importance says which jobs are shown, 0 being the first: those that go on, those that
// failed, and then the others.
func importance(s standing) int {
	switch s {
	case active:
		return 0
	case failed:
		return 1
	}
	return 2
}

// choice keeps so many jobs of each importance: the latest ones.
type choice struct {
	rows int
	kept [3][]*projections.TrackedJob
}

func (c *choice) take(job *projections.TrackedJob, importance int) {
	kept := &c.kept[importance]
	*kept = append(*kept, job)
	if len(*kept) > 2*c.rows {
		*kept = append((*kept)[:0], (*kept)[len(*kept)-c.rows:]...)
	}
}

// jobs returns those that were kept, in order of first mention.
func (c *choice) jobs() []*projections.TrackedJob {
	jobs := slices.Concat(c.kept[0], c.kept[1], c.kept[2])
	slices.SortFunc(jobs, func(a, b *projections.TrackedJob) int { return a.Index - b.Index })
	return jobs
}
