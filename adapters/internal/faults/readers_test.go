//go:build unix

package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// Whoever reads while everything is replaced finds each run all the time, as it
// was or as it will be.
func TestReadersDuringRebuild(t *testing.T) {
	eachKind(t, func(t *testing.T, fresh func() database) {
		rnd, db, f := random(t), fresh(), newFolder(t, 120)
		args := []string{"rebuild", f.path, "--to", db.address, "--force"}
		run(t, args...).succeeds(t)
		s := db.open(t)
		for range times(5) {
			r := &readers{store: s, folder: f}
			r.before = append(r.before, f.now...)
			f.change(t, rnd)
			c := start(t, args...)
			ended := make(chan error, 1)
			go func() {
				ended <- together([]func() error{
					func() error { return r.list(t.Context()) },
					func() error { return r.read(t.Context(), rand.New(rand.NewPCG(*seed, 1))) },
					func() error { return r.read(t.Context(), rand.New(rand.NewPCG(*seed, 2))) },
				})
			}()
			e := c.wait(t)
			r.over.Store(true)
			require.NoError(t, <-ended)
			e.succeeds(t)
			t.Logf("listed %d times, read %d runs", r.lists.Load(), r.reads.Load())
		}
	})
}

// readers read for as long as a rebuild takes.
type readers struct {
	store        store.Store
	folder       *folder
	before       []*version // of each stream
	over         atomic.Bool
	lists, reads atomic.Int64
}

// list lists all runs again and again: by their ids, and page by page. All
// runs begin at the same time, so that no page changes its place.
func (r *readers) list(ctx context.Context) error {
	for !r.over.Load() {
		ids, err := r.store.RunIDs(ctx, "", 1000)
		if err != nil {
			return err
		}
		if err := r.listed(ids); err != nil {
			return fmt.Errorf("the list of ids: %w", err)
		}
		if ids, err = r.pages(ctx); err != nil {
			return err
		}
		if err := r.listed(ids); err != nil {
			return fmt.Errorf("the pages: %w", err)
		}
		r.lists.Add(1)
	}
	return nil
}

func (r *readers) pages(ctx context.Context) (ids []domain.RunID, err error) {
	page := store.Page{Limit: 70}
	for {
		rows, err := r.store.Runs(ctx, page)
		if err != nil || len(rows) == 0 {
			return ids, err
		}
		for i := range rows {
			if err := r.whole(len(ids), rows[i]); err != nil {
				return nil, err
			}
			ids = append(ids, rows[i].RunID)
		}
		page.After = &rows[len(rows)-1]
	}
}

// whole expects that a row is that of one of the versions of a run.
func (r *readers) whole(i int, row store.Run) error {
	for _, v := range []*version{r.before[i], r.folder.now[i]} {
		if record := v.record(); row == (store.Run{Run: record.Run, RunTiming: record.Timings.Run}) {
			return nil
		}
	}
	return fmt.Errorf("the row of run %s is %v, want that of %v or of %v", r.folder.streams[i].run, row, r.before[i], r.folder.now[i])
}

func (r *readers) listed(ids []domain.RunID) error {
	if len(ids) != len(r.folder.streams) {
		return fmt.Errorf("%d runs of %d", len(ids), len(r.folder.streams))
	}
	for i, s := range r.folder.streams {
		if ids[i] != s.run {
			return fmt.Errorf("%s in the place of %s", ids[i], s.run)
		}
	}
	return nil
}

// read reads one run after the other.
func (r *readers) read(ctx context.Context, rnd *rand.Rand) error {
	for !r.over.Load() {
		i := rnd.IntN(len(r.folder.streams))
		record, err := store.ReadRecord(ctx, r.store, r.folder.streams[i].run)
		if err != nil {
			return err
		}
		if before, now := r.before[i], r.folder.now[i]; !before.is(record) && !now.is(record) {
			return fmt.Errorf("run %s is neither that of before nor that of after:\nbefore %v\nafter  %v\nstored %v", r.folder.streams[i].run, before, now, runOf(record))
		}
		r.reads.Add(1)
	}
	return nil
}
