package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

type (
	job        = projections.Row[projections.Job]
	shEvent    = projections.Row[projections.ShEvent]
	jobTiming  = projections.Row[projections.JobTiming]
	shTiming   = projections.Row[projections.ShTiming]
	diagnostic = projections.Row[projections.Diagnostic]
)

// content is all that is stored of one run, rows in the order of their
// positions.
type content struct {
	id          domain.RunID
	checkpoint  projections.Null[store.Checkpoint]
	row         projections.Null[store.Run]
	jobs        []job
	shEvents    []shEvent
	timings     []jobTiming
	diagnostics []diagnostic
	// shTimings is what was read of the view; nobody writes it.
	shTimings []shTiming
}

// rows returns the rows as they are written.
func (c *content) rows() *store.Rows {
	return &store.Rows{
		RunID: c.id, Run: c.row,
		Jobs: slices.Clone(c.jobs), ShEvents: slices.Clone(c.shEvents),
		Timings: slices.Clone(c.timings), Diagnostics: slices.Clone(c.diagnostics),
	}
}

// insert writes the content into a store that holds nothing of the run.
func (c *content) insert(tx store.Tx) error {
	if err := tx.Insert(c.rows()); err != nil {
		return err
	}
	if !c.checkpoint.Valid {
		return nil
	}
	return tx.SetCheckpoint(c.id, c.checkpoint.V)
}

// read reads what a snapshot holds.
func (c *content) read(snapshot store.Snapshot) error {
	var err error
	if c.checkpoint.V, c.checkpoint.Valid, err = snapshot.Checkpoint(); err != nil {
		return wrap("the checkpoint", err)
	}
	if c.row.V, c.row.Valid, err = snapshot.Run(); err != nil {
		return wrap("the run", err)
	}
	return errors.Join(
		collect("jobs", &c.jobs, snapshot.Jobs()),
		collect("sh_events", &c.shEvents, snapshot.ShEvents()),
		collect("timings", &c.timings, snapshot.Timings()),
		collect("diagnostics", &c.diagnostics, snapshot.Diagnostics()),
		collect("sh_timings", &c.shTimings, snapshot.ShTimings()),
	)
}

func collect[R comparable](table string, into *[]projections.Row[R], rows iter.Seq2[projections.Row[R], error]) error {
	for row, err := range rows {
		if err != nil {
			return wrap(table, err)
		}
		row.Final = false // which means nothing to a store
		*into = append(*into, row)
	}
	return nil
}

// anyState is wanted where it does not matter how a fold was saved. That it can
// go on is a law of its own.
const anyState = "any"

// differs says where what was read is not what is wanted.
func (c *content) differs(want *content) error {
	if want.checkpoint.V.State == anyState {
		c.checkpoint.V.State = anyState
	}
	if err := orphansAside(c.timings); err != nil {
		return err
	}
	return cmp.Or(
		valueDiffers("the checkpoint", c.checkpoint, want.checkpoint),
		valueDiffers("the run's own row", c.row, want.row),
		rowsDiffer("jobs", c.jobs, want.jobs),
		rowsDiffer("sh_events", c.shEvents, want.shEvents),
		rowsDiffer("timings", placed(c.timings), placed(want.timings)),
		rowsDiffer("diagnostics", c.diagnostics, want.diagnostics),
		rowsDiffer("sh_timings", c.shTimings, want.wantShTimings()),
	)
}

// orphansAside sees to it that timings without a job come all first or all
// last.
func orphansAside(timings []jobTiming) error {
	turns := 0
	for i := 1; i < len(timings); i++ {
		if (timings[i-1].Index < 0) != (timings[i].Index < 0) {
			turns++
		}
	}
	if turns > 1 {
		return errors.New("timings: those that have no job stand among the others")
	}
	return nil
}

// placed returns timings with those that have no job in front, in the order of
// their ids: their order is the store's choice.
func placed(timings []jobTiming) []jobTiming {
	timings = slices.Clone(timings)
	for i := range timings {
		timings[i].Index = max(timings[i].Index, -1)
	}
	slices.SortStableFunc(timings, func(a, b jobTiming) int {
		switch {
		case a.Index < 0 && b.Index < 0:
			return cmp.Compare(a.Value.JobID, b.Value.JobID)
		case a.Index < 0:
			return -1
		case b.Index < 0:
			return 1
		}
		return 0
	})
	return timings
}

// wantShTimings derives what the view must hold.
func (c *content) wantShTimings() []shTiming {
	var rows []shTiming
	for _, sh := range c.shEvents {
		started := some(sh.Value.StartedAtMs)
		rows = append(rows, shTiming{Index: sh.Index, Value: projections.ShTiming{
			JobID: sh.Value.JobID, Seq: sh.Value.Seq,
			OffsetMs: difference(c.row.V.StartedAtMs, started), DurationMs: difference(started, sh.Value.FinishedAtMs),
		}})
	}
	return rows
}

// difference is a duration, worked out where nothing overflows.
func difference(start, end projections.Null[int64]) projections.Null[int64] {
	if !start.Valid || !end.Valid {
		return projections.Null[int64]{}
	}
	d := new(big.Int).Sub(big.NewInt(end.V), big.NewInt(start.V))
	if d.Sign() < 0 || !d.IsInt64() {
		return projections.Null[int64]{}
	}
	return some(d.Int64())
}

func valueDiffers[T comparable](what string, got, want projections.Null[T]) error {
	switch {
	case got == want, !got.Valid && !want.Valid:
		return nil
	case !got.Valid:
		return fmt.Errorf("%s is missing: %s", what, show(want.V))
	case !want.Valid:
		return fmt.Errorf("%s is there: %s", what, show(got.V))
	}
	return fmt.Errorf("%s: %s", what, fields(got.V, want.V))
}

func rowsDiffer[R comparable](table string, got, want []projections.Row[R]) error {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return fmt.Errorf("%s: row %d of %d is missing: %s", table, i+1, len(want), show(want[i]))
		case i >= len(want):
			return fmt.Errorf("%s: row %d is one too many: %s", table, i+1, show(got[i]))
		case got[i] != want[i]:
			return fmt.Errorf("%s: row %d: %s", table, i+1, fields(got[i], want[i]))
		}
	}
	return nil
}
