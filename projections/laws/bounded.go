package laws

import (
	"encoding/json"
	"fmt"

	"github.com/quire-ci/quire-project/domain"
)

// bounded is the law that jobs and commands that have ended leave nothing in the projection: its
// memory is proportional to its open rows. There may be an open row for each job, as in a sum by
// job. Final rows have been handed out, and do not count.
func bounded[R comparable](newProjection maker[R]) (err error) {
	defer recovered(&err)
	const few, many, slack = 50, 500, 1000
	a, err := afterJobs(newProjection, few)
	if err != nil {
		return err
	}
	b, err := afterJobs(newProjection, many)
	if err != nil {
		return err
	}
	if b.state-a.state <= slack+2*(b.rows-a.rows) {
		return nil
	}
	return fmt.Errorf("memory does not follow what is open: %d jobs that have ended leave %d bytes in the projection and %d in open rows; %d leave %d and %d",
		few, a.state, a.rows, many, b.state, b.rows)
}

// memory is the approximate size of a projection's state, and of its open rows, in bytes.
type memory struct{ state, rows int }

// afterJobs folds a run of some jobs that have all ended.
func afterJobs[R comparable](newProjection maker[R], jobs int) (memory, error) {
	p := newProjection()
	o := observe(p)
	for i := range jobs {
		o.apply(Entries(endedJob(int64(i)))...)
	}
	saved, err := json.Marshal(p)
	if err != nil {
		return memory{}, err
	}
	// The saved state, and the text, which also has what is not saved.
	return memory{len(saved) + len(fmt.Sprintf("%+v", p)), len(fmt.Sprintf("%+v", o.open()))}, nil
}

// endedJob returns the events of a job in which everything happens, and nothing stays open.
func endedJob(i int64) []domain.Event {
	job, at := fmt.Sprintf("job-%04d", i), 100*i
	cmd := func(name string) string { return fmt.Sprintf("%s %04d", name, i) }
	return []domain.Event{
		domain.NewJobStarted(at, job),
		domain.NewShStarted(at+1, job, cmd("make")), domain.NewShFinished(at+3, job, 1),
		domain.NewShStarted(at+4, job, cmd("make")), domain.NewShFinished(at+6, job, 0),
		domain.NewShStarted(at+7, job, cmd("outer")), domain.NewShStarted(at+8, job, cmd("inner")),
		domain.NewShFinished(at+9, job, int32(i)), domain.NewShFinished(at+10+i, job, 0),
		domain.NewShFinished(at+11+i, job, 0), // of no open command
		domain.NewUnknown(at+12, cmd("type"), "").InJob(job),
		{}, // a line without an event
		domain.NewJobFinished(at+14, job, domain.Failed),
		domain.NewShStarted(at+15, job, cmd("late")), domain.NewShFinished(at+16, job, 0),
		domain.NewJobFinished(at+17, job, domain.Complete),
	}
}
