package store

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Read returns the stored rows of a run and projection, in order. It fails with [ErrNoRun] for
// a run that is not stored. Rows that could not be derived again are of an older version, or of an
// earlier state of the stream: [Stale] names the projections with such rows.
func Read[R comparable](ctx context.Context, s Store, of *projections.Defined[R], run domain.RunID) (rows []R, err error) {
	err = s.View(ctx, run, func(snapshot Snapshot) error {
		if _, err := readRun(snapshot, run); err != nil {
			return err
		}
		rows, err = values(snapshot, of)
		return err
	})
	return rows, err
}

// ReadRun returns the row of a run. It fails with [ErrNoRun] for one that is not stored.
func ReadRun(ctx context.Context, s Store, run domain.RunID) (row Run, err error) {
	err = s.View(ctx, run, func(snapshot Snapshot) error {
		row, err = readRun(snapshot, run)
		return err
	})
	return row, err
}

// ReadRecord returns all rows of a run, as they are at one moment: the record that
// [projections.Project] makes of its stream. It fails with [ErrNoRun] for a run that is not
// stored.
func ReadRecord(ctx context.Context, s Store, run domain.RunID) (*projections.Record, error) {
	record, _ := projections.NewRecord(run)
	err := s.View(ctx, run, func(snapshot Snapshot) error {
		return EachRow(snapshot, run, projections.Builtin.Reported(), func(of *projections.Definition, row projections.AnyRow) { record.Take(of, row) })
	})
	if err != nil {
		return nil, err
	}
	return record, nil
}

// EachRow calls take with all rows of a run, one projection after the other: the rows that
// folds of those projections have. It leaves out added projections without a table. A row is
// valid until take returns. EachRow fails with [ErrNoRun] for a run that is not stored.
func EachRow(snapshot Snapshot, run domain.RunID, of []*projections.Definition, take func(*projections.Definition, projections.AnyRow)) error {
	row, err := readRun(snapshot, run)
	if err != nil {
		return err
	}
	// The timings of commands are not stored: they are derived from the commands, which are read
	// before.
	var timings []projections.Row[projections.ShTiming]
	for _, d := range of {
		switch d {
		case projections.Runs.Definition:
			give(projections.Runs, []projections.Row[projections.Run]{{Value: row.Run}}, take)
		case projections.RunTimings.Definition:
			give(projections.RunTimings, []projections.Row[projections.RunTiming]{{Value: row.RunTiming}}, take)
		case projections.ShTimings.Definition, projections.Slowest.Definition:
			if timings == nil {
				if timings, err = shTimings(row, snapshot); err != nil {
					return err
				}
			}
			if d == projections.Slowest.Definition {
				var slowest projections.Ranking
				for i := range timings {
					slowest.Add(i, &timings[i].Value)
				}
				give(projections.Slowest, slowest.Rows(), take)
			} else {
				give(projections.ShTimings, timings, take)
			}
		default:
			if d.Table == "" {
				continue
			}
			if d == projections.ShEvents.Definition {
				timings = nil
			}
			for stored, err := range snapshot.Rows(d) {
				if err != nil {
					return err
				}
				if d == projections.ShEvents.Definition {
					timings = append(timings, shTiming(row, stored.Index, stored.Final, projections.ShEvents.At(stored.Value)))
				}
				take(d, stored)
			}
		}
	}
	return nil
}

func give[R comparable](of *projections.Defined[R], rows []projections.Row[R], take func(*projections.Definition, projections.AnyRow)) {
	list := of.List(rows...)
	for i := range rows {
		take(of.Definition, list.At(i))
	}
}

// readRun reads the row of a run. It fails with [ErrNoRun] if there is none.
func readRun(snapshot Snapshot, run domain.RunID) (Run, error) {
	rows, err := values(snapshot, projections.RunTable)
	if err != nil {
		return Run{}, err
	}
	if len(rows) == 0 {
		return Run{}, fmt.Errorf("run %q: %w", run, ErrNoRun)
	}
	return rows[0], nil
}

// values returns the values of rows; never nil, since that would be null in JSON.
func values[R comparable](snapshot Snapshot, of *projections.Defined[R]) ([]R, error) {
	all := []R{}
	for row, err := range typed(snapshot, of) {
		if err != nil {
			return nil, err
		}
		all = append(all, row.Value)
	}
	return all, nil
}

// typed yields rows with their type.
func typed[R comparable](snapshot Snapshot, of *projections.Defined[R]) iter.Seq2[projections.Row[R], error] {
	return func(yield func(projections.Row[R], error) bool) {
		for row, err := range snapshot.Rows(of.Definition) {
			if err != nil {
				yield(projections.Row[R]{}, err)
				return
			}
			if !yield(projections.Row[R]{Index: row.Index, Final: row.Final, Value: *of.At(row.Value)}, nil) {
				return
			}
		}
	}
}

// shTimings derives the timings of all commands.
func shTimings(run Run, snapshot Snapshot) (timings []projections.Row[projections.ShTiming], err error) {
	for row, err := range typed(snapshot, projections.ShEvents) {
		if err != nil {
			return nil, err
		}
		timings = append(timings, shTiming(run, row.Index, row.Final, &row.Value))
	}
	return timings, nil
}

// shTiming derives the timing of a command, as the view sh_timings does.
func shTiming(run Run, index int, final bool, sh *projections.ShEvent) projections.Row[projections.ShTiming] {
	started := projections.Some(sh.StartedAtMs)
	return projections.Row[projections.ShTiming]{Index: index, Final: final, Value: projections.ShTiming{
		JobID: sh.JobID, Seq: sh.Seq,
		OffsetMs: span(run.StartedAtMs, started), DurationMs: span(started, sh.FinishedAtMs),
	}}
}

// span is [projections.Span]; null if start or end is.
func span(start, end projections.Null[int64]) projections.Null[int64] {
	if !start.Valid || !end.Valid {
		return projections.Null[int64]{}
	}
	return projections.Span(start.V, end.V)
}

// Unknown returns the names of the projections that a store has rows of but s does not know.
func Unknown(ctx context.Context, s Store) ([]string, error) {
	versions, err := s.Versions(ctx)
	for _, known := range s.Projections().Stored() {
		delete(versions, known.Name)
	}
	return slices.Sorted(maps.Keys(versions)), err
}

// Stale returns the names of the projections that a stored run has no rows of, or rows of
// another version.
func Stale(ctx context.Context, s Store, run domain.RunID) ([]string, error) {
	stored, err := s.Checkpoints(ctx, []domain.RunID{run})
	if err != nil {
		return nil, err
	}
	missing := projections.Missing(s.Projections().Stored(), projections.Versions(stored[run].Projections))
	return projections.Names(missing), nil
}
