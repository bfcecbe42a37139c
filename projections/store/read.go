package store

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// ReadRun returns the row of a run. Like all reads of one run, it fails with
// [ErrNoRun] for one that is not stored.
func ReadRun(ctx context.Context, s Store, run domain.RunID) (row Run, err error) {
	err = view(ctx, s, run, func(_ Snapshot, stored Run) error {
		row = stored
		return nil
	})
	return row, err
}

// ReadJobs returns the jobs of a run, in order of first mention.
func ReadJobs(ctx context.Context, s Store, run domain.RunID) (jobs []projections.Job, err error) {
	err = view(ctx, s, run, func(snapshot Snapshot, _ Run) error {
		jobs, err = values(snapshot.Jobs())
		return err
	})
	return jobs, err
}

// ReadShEvents returns the commands of a run, in stream order.
func ReadShEvents(ctx context.Context, s Store, run domain.RunID) (sh []projections.ShEvent, err error) {
	err = view(ctx, s, run, func(snapshot Snapshot, _ Run) error {
		sh, err = values(snapshot.ShEvents())
		return err
	})
	return sh, err
}

// ReadTimings returns the timings of a run.
func ReadTimings(ctx context.Context, s Store, run domain.RunID) (timings projections.Timings, err error) {
	err = view(ctx, s, run, func(snapshot Snapshot, row Run) error {
		timings, err = readTimings(snapshot, row)
		return err
	})
	return timings, err
}

// ReadDiagnostics returns what is odd about a run's stream.
func ReadDiagnostics(ctx context.Context, s Store, run domain.RunID) (diagnostics []projections.Diagnostic, err error) {
	err = view(ctx, s, run, func(snapshot Snapshot, _ Run) error {
		diagnostics, err = values(snapshot.Diagnostics())
		return err
	})
	return diagnostics, err
}

// ReadRecord returns all that is stored of a run, as it is at one moment: the
// same that [projections.Project] makes of its stream.
func ReadRecord(ctx context.Context, s Store, run domain.RunID) (*projections.Record, error) {
	record := &projections.Record{}
	err := view(ctx, s, run, func(snapshot Snapshot, row Run) (err error) {
		record.Run = row.Run
		if record.Jobs, err = values(snapshot.Jobs()); err != nil {
			return err
		}
		if record.ShEvents, err = values(snapshot.ShEvents()); err != nil {
			return err
		}
		if record.Diagnostics, err = values(snapshot.Diagnostics()); err != nil {
			return err
		}
		record.Timings, err = readTimings(snapshot, row)
		return err
	})
	if err != nil {
		return nil, err
	}
	return record, nil
}

// view reads a run that has to be there.
func view(ctx context.Context, s Store, run domain.RunID, do func(Snapshot, Run) error) error {
	return s.View(ctx, run, func(snapshot Snapshot) error {
		row, ok, err := snapshot.Run()
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("run %q: %w", run, ErrNoRun)
		}
		return do(snapshot, row)
	})
}

// values returns the values of rows; never nil, since that is null in JSON.
func values[R comparable](rows iter.Seq2[projections.Row[R], error]) ([]R, error) {
	all := []R{}
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		all = append(all, row.Value)
	}
	return all, nil
}

func readTimings(snapshot Snapshot, row Run) (t projections.Timings, err error) {
	t.Run = row.RunTiming
	if t.Jobs, err = values(snapshot.Timings()); err != nil {
		return t, err
	}
	if t.ShEvents, err = values(snapshot.ShTimings()); err != nil {
		return t, err
	}
	t.Slowest = slowest(t.ShEvents)
	return t, nil
}

// slowest returns the ten longest of commands that are in stream order.
func slowest(sh []projections.ShTiming) []projections.SlowSh {
	rows := []projections.SlowSh{}
	for _, timing := range sh {
		if timing.DurationMs.Valid {
			rows = append(rows, projections.SlowSh{JobID: timing.JobID, Seq: timing.Seq, DurationMs: timing.DurationMs.V})
		}
	}
	slices.SortStableFunc(rows, func(a, b projections.SlowSh) int {
		switch {
		case a.DurationMs > b.DurationMs:
			return -1
		case a.DurationMs < b.DurationMs:
			return 1
		}
		return 0
	})
	return slices.Clip(rows[:min(len(rows), 10)])
}
