package memory

import (
	"fmt"
	"maps"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// run is what is stored of one run.
type run struct {
	checkpoint  projections.Null[store.Checkpoint]
	row         projections.Null[store.Run]
	jobs        table[string, projections.Job]
	shEvents    table[shKey, projections.ShEvent]
	timings     table[string, projections.JobTiming]
	diagnostics table[int, projections.Diagnostic]
	held        map[heldKey]held
	quarantine  *store.Quarantine
}

// heldKey names a held segment of a run.
type heldKey struct {
	offset, end int64
	tail        bool
}

type held struct {
	domain.Segment
	since time.Time
}

// shKey names a command within its run.
type shKey struct {
	job string
	seq int
}

func newRun() *run {
	return &run{
		jobs:        table[string, projections.Job]{},
		shEvents:    table[shKey, projections.ShEvent]{},
		timings:     table[string, projections.JobTiming]{},
		diagnostics: table[int, projections.Diagnostic]{},
		held:        map[heldKey]held{},
	}
}

// clone returns a copy to be written to.
func (r *run) clone() *run {
	c := *r
	c.jobs, c.shEvents = maps.Clone(r.jobs), maps.Clone(r.shEvents)
	c.timings, c.diagnostics = maps.Clone(r.timings), maps.Clone(r.diagnostics)
	c.held = maps.Clone(r.held)
	return &c
}

func (r *run) empty() bool {
	return !r.stored() && len(r.held) == 0 && r.quarantine == nil
}

// stored reports whether there are rows, or a checkpoint, of the run.
func (r *run) stored() bool {
	return r.checkpoint.Valid || r.row.Valid ||
		len(r.jobs)+len(r.shEvents)+len(r.timings)+len(r.diagnostics) > 0
}

// clear removes the rows in tables, and the checkpoint.
func (r *run) clear(tables store.Tables) {
	r.checkpoint = projections.Null[store.Checkpoint]{}
	if tables.Has(store.TableRuns) {
		r.row = projections.Null[store.Run]{}
	}
	if tables.Has(store.TableJobs) {
		clear(r.jobs)
	}
	if tables.Has(store.TableShEvents) {
		clear(r.shEvents)
	}
	if tables.Has(store.TableTimings) {
		clear(r.timings)
	}
	if tables.Has(store.TableDiagnostics) {
		clear(r.diagnostics)
	}
}

// insert adds rows that are not there, and replaces those that are as it should be.
// What it has done when it fails goes with the transaction.
func (r *run) insert(rows *store.Rows) error {
	if rows.Run.Valid {
		if r.row.Valid != rows.Stored.Run {
			return errThere("runs", rows.RunID, r.row.Valid)
		}
		if rows.Run.V.RunID != rows.RunID {
			return errOther(rows.RunID, rows.Run.V.RunID)
		}
		r.row = rows.Run
	}
	if err := r.jobs.insert("jobs", rows.Jobs, rows.Stored.Jobs, func(row *projections.Row[projections.Job]) string { return row.Value.JobID }); err != nil {
		return err
	}
	if err := r.shEvents.insert("sh_events", rows.ShEvents, rows.Stored.ShEvents, func(row *projections.Row[projections.ShEvent]) shKey {
		return shKey{row.Value.JobID, row.Value.Seq}
	}); err != nil {
		return err
	}
	if err := r.timings.insert("timings", rows.Timings, rows.Stored.Jobs, func(row *projections.Row[projections.JobTiming]) string { return row.Value.JobID }); err != nil {
		return err
	}
	return r.diagnostics.insert("diagnostics", rows.Diagnostics, 0, func(row *projections.Row[projections.Diagnostic]) int { return row.Index })
}

// check finds rows that have one place, and timings at the place of another
// job than theirs.
func (r *run) check() error {
	if err := r.jobs.check("jobs"); err != nil {
		return err
	}
	if err := r.shEvents.check("sh_events"); err != nil {
		return err
	}
	for id, timing := range r.timings {
		if job, ok := r.jobs[id]; ok && job.Index != timing.Index {
			return fmt.Errorf("timings: the index of job %+q is %d, not %d", id, job.Index, timing.Index)
		}
	}
	return nil
}
