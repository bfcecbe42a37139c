package memory

import (
	"errors"
	"iter"
	"math"
	"slices"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

var errOver = errors.New("memory: the snapshot was used after its View had returned")

// snapshot reads a run that never changes.
type snapshot struct {
	rows *run
	over bool
}

func (s *snapshot) Checkpoint() (store.Checkpoint, bool, error) {
	if s.over {
		return store.Checkpoint{}, false, errOver
	}
	return s.rows.checkpoint.V, s.rows.checkpoint.Valid, nil
}

func (s *snapshot) Run() (store.Run, bool, error) {
	if s.over {
		return store.Run{}, false, errOver
	}
	return s.rows.row.V, s.rows.row.Valid, nil
}

func (s *snapshot) Jobs() iter.Seq2[projections.Row[projections.Job], error] {
	return yield(s, s.rows.jobs.sorted)
}

func (s *snapshot) ShEvents() iter.Seq2[projections.Row[projections.ShEvent], error] {
	return yield(s, s.rows.shEvents.sorted)
}

func (s *snapshot) Diagnostics() iter.Seq2[projections.Row[projections.Diagnostic], error] {
	return yield(s, s.rows.diagnostics.sorted)
}

// Timings gives each row the index of its job.
func (s *snapshot) Timings() iter.Seq2[projections.Row[projections.JobTiming], error] {
	return yield(s, func() []projections.Row[projections.JobTiming] {
		rows := s.rows.timings.sorted()
		for i := range rows {
			rows[i].Index = -1
			if job, ok := s.rows.jobs[rows[i].Value.JobID]; ok {
				rows[i].Index = job.Index
			}
		}
		slices.SortStableFunc(rows, byIndex)
		return rows
	})
}

// ShTimings derives the rows from those of the commands and of the run.
func (s *snapshot) ShTimings() iter.Seq2[projections.Row[projections.ShTiming], error] {
	return yield(s, func() []projections.Row[projections.ShTiming] {
		rows := []projections.Row[projections.ShTiming]{}
		for _, sh := range s.rows.shEvents.sorted() {
			started := projections.Some(sh.Value.StartedAtMs)
			rows = append(rows, projections.Row[projections.ShTiming]{Index: sh.Index, Value: projections.ShTiming{
				JobID: sh.Value.JobID, Seq: sh.Value.Seq,
				OffsetMs:   span(s.rows.row.V.StartedAtMs, started),
				DurationMs: span(started, sh.Value.FinishedAtMs),
			}})
		}
		return rows
	})
}

// span returns the milliseconds from start to end; unknown where either is,
// and where they would be negative or int64 cannot hold them.
func span(start, end projections.Null[int64]) projections.Null[int64] {
	if !start.Valid || !end.Valid || end.V < start.V || start.V < 0 && end.V > math.MaxInt64+start.V {
		return projections.Null[int64]{}
	}
	return projections.Some(end.V - start.V)
}
