package projections

import (
	"cmp"
	"slices"
)

// changes are the jobs and sh that have changed since a mark: a store writes only their
// rows again.
type changes struct {
	marked bool
	// jobs are the indexes of the jobs that an event has named since the mark. The sh from
	// the index sh on are new; an older one that is still open has not changed.
	jobs []int32
	sh   int
}

// part is a part of the open jobs and sh. While it is set, the tracker yields no others.
type part struct {
	jobs  []*TrackedJob
	sh    []*TrackedSh
	asked bool // a projection has asked for it
}

func (t *Tracker) mark() {
	for _, job := range t.since.jobs {
		t.jobs.at(int(job)).named = false
	}
	t.since = changes{marked: true, jobs: t.since.jobs[:0], sh: t.ShStarted}
}

// named notes that an event names a job.
func (c *changes) named(job *TrackedJob) {
	if c.marked && !job.named {
		job.named = true
		c.jobs = append(c.jobs, int32(job.Index))
	}
}

// changed returns the jobs and the open sh that have changed since the mark, or all if there is no
// mark, in order of index.
func (t *Tracker) changed() (jobs []*TrackedJob, sh []*TrackedSh) {
	if !t.since.marked {
		return slices.Collect(t.jobs.all()), t.openSh()
	}
	for _, index := range t.since.jobs {
		job := t.jobs.at(int(index))
		jobs = append(jobs, job)
		for i, n := job.newest, job.OpenSh; n > 0; n-- {
			slot := t.open.slots.at(int(i))
			if slot.Index < t.since.sh {
				break // those below it are older
			}
			sh = append(sh, &slot.TrackedSh)
			i = slot.below
		}
	}
	slices.SortFunc(jobs, func(a, b *TrackedJob) int { return cmp.Compare(a.Index, b.Index) })
	slices.SortFunc(sh, byIndex)
	return jobs, sh
}

// openSh returns all open sh, in stream order.
func (t *Tracker) openSh() []*TrackedSh {
	open := make([]*TrackedSh, 0, t.OpenSh)
	for slot := range t.open.slots.all() {
		if slot.used {
			open = append(open, &slot.TrackedSh)
		}
	}
	slices.SortFunc(open, byIndex)
	return open
}

func byIndex(a, b *TrackedSh) int { return cmp.Compare(a.Index, b.Index) }
