package storetest

import (
	"context"
	"iter"
	"testing"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// Each law finds the mistakes that it is there for, within as many tries as the
// test of a database has.
func TestLawsFindMistakes(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, on one goroutine")
	}
	for _, mistake := range mistakes {
		t.Run(mistake.name, func(t *testing.T) {
			err := search(lawCalled(t, mistake.law), mistake.open, Enough)
			if err == nil {
				t.Fatalf("not found by %q", mistake.law)
			}
			t.Log(err)
		})
	}
}

// mistake is a store that does one thing wrong, and the law that finds it.
type mistake struct {
	name, law string
	open      func() store.Store
}

func lawCalled(t *testing.T, name string) law {
	for _, group := range groups() {
		for _, law := range group.laws {
			if law.name == name {
				return law
			}
		}
	}
	t.Fatalf("no law is called %q", name)
	return law{}
}

// A store without a mistake passes for one, so that what is found is not the
// wrapping.
func TestWrappedStoreIsSound(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, on one goroutine")
	}
	wrapped := func() store.Store {
		return &broken{Store: memory.New(), tx: func(*brokenTx) {}, view: func(*brokenSnapshot) {}}
	}
	for _, mistake := range mistakes {
		if err := search(lawCalled(t, mistake.law), wrapped, 1); err != nil {
			t.Errorf("%s: %v", mistake.law, err)
		}
	}
}

// search tries the law so many times, an example too, since some mistakes only
// show when goroutines meet.
func search(l law, open func() store.Store, tries int) error {
	try := rapid.Custom(func(draw *rapid.T) error {
		if l.example {
			rapid.Bool().Draw(draw, "nothing") // which rapid asks for
		}
		return l.try(open(), draw)
	})
	for seed := range tries {
		if err := try.Example(seed); err != nil {
			return err
		}
	}
	return nil
}

// broken is a store in memory of which one part is replaced.
type broken struct {
	store.Store
	tx   func(*brokenTx)
	view func(*brokenSnapshot)
}

func (b *broken) Update(ctx context.Context, do func(store.Tx) error) error {
	return b.Store.Update(ctx, func(tx store.Tx) error {
		broken := &brokenTx{Tx: tx, store: b.Store}
		if b.tx != nil {
			b.tx(broken)
		}
		if err := do(broken); err != nil || broken.late == nil {
			return err
		}
		return broken.late()
	})
}

func (b *broken) View(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
	return b.Store.View(ctx, run, func(snapshot store.Snapshot) error {
		broken := &brokenSnapshot{Snapshot: snapshot}
		if b.view != nil {
			b.view(broken)
		}
		return do(broken)
	})
}

// brokenTx has functions in place of some methods.
type brokenTx struct {
	store.Tx
	store      store.Store
	lock       func([]domain.RunID) (map[domain.RunID]store.Checkpoint, error)
	reducers   func() (int, int, error)
	clear      func([]domain.RunID, store.Tables) error
	insert     func(*store.Rows) error
	checkpoint func(domain.RunID, store.Checkpoint) error
	hold       func([]domain.Segment) error
	unhold     func(domain.RunID, int64) error
	quarantine func(domain.RunID, *store.Quarantine) error
	late       func() error // before the commit
}

func (b *brokenTx) Lock(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	if b.lock == nil {
		return b.Tx.Lock(runs)
	}
	return b.lock(runs)
}

func (b *brokenTx) Reducers() (lowest, highest int, err error) {
	if b.reducers == nil {
		return b.Tx.Reducers()
	}
	return b.reducers()
}

func (b *brokenTx) SetCheckpoint(run domain.RunID, checkpoint store.Checkpoint) error {
	if b.checkpoint == nil {
		return b.Tx.SetCheckpoint(run, checkpoint)
	}
	return b.checkpoint(run, checkpoint)
}

func (b *brokenTx) Clear(runs []domain.RunID, tables store.Tables) error {
	if b.clear == nil {
		return b.Tx.Clear(runs, tables)
	}
	return b.clear(runs, tables)
}

func (b *brokenTx) Insert(rows *store.Rows) error {
	if b.insert == nil {
		return b.Tx.Insert(rows)
	}
	return b.insert(rows)
}

func (b *brokenTx) Hold(segments []domain.Segment) error {
	if b.hold == nil {
		return b.Tx.Hold(segments)
	}
	return b.hold(segments)
}

func (b *brokenTx) Unhold(run domain.RunID, end int64) error {
	if b.unhold == nil {
		return b.Tx.Unhold(run, end)
	}
	return b.unhold(run, end)
}

func (b *brokenTx) SetQuarantine(run domain.RunID, quarantine *store.Quarantine) error {
	if b.quarantine == nil {
		return b.Tx.SetQuarantine(run, quarantine)
	}
	return b.quarantine(run, quarantine)
}

// brokenSnapshot has functions in place of some methods.
type brokenSnapshot struct {
	store.Snapshot
	jobs      func(iter.Seq2[job, error]) iter.Seq2[job, error]
	shTimings func(iter.Seq2[shTiming, error]) iter.Seq2[shTiming, error]
	row       func(store.Run) store.Run
}

func (b *brokenSnapshot) Jobs() iter.Seq2[job, error] {
	if b.jobs == nil {
		return b.Snapshot.Jobs()
	}
	return b.jobs(b.Snapshot.Jobs())
}

func (b *brokenSnapshot) ShTimings() iter.Seq2[shTiming, error] {
	if b.shTimings == nil {
		return b.Snapshot.ShTimings()
	}
	return b.shTimings(b.Snapshot.ShTimings())
}

func (b *brokenSnapshot) Run() (store.Run, bool, error) {
	row, ok, err := b.Snapshot.Run()
	if b.row != nil {
		row = b.row(row)
	}
	return row, ok, err
}

// brokenBy returns how to open a store whose transactions are changed by tx.
func brokenBy(tx func(*brokenTx)) func() store.Store {
	return func() store.Store { return &broken{Store: memory.New(), tx: tx} }
}

// misread returns how to open a store whose snapshots are changed by view.
func misread(view func(*brokenSnapshot)) func() store.Store {
	return func() store.Store { return &broken{Store: memory.New(), view: view} }
}

// inserting returns how to open a store that changes rows that it is given.
func inserting(change func(*store.Rows)) func() store.Store {
	return brokenBy(func(tx *brokenTx) {
		tx.insert = func(rows *store.Rows) error {
			c := content{id: rows.RunID, row: rows.Run, jobs: rows.Jobs, shEvents: rows.ShEvents, timings: rows.Timings, diagnostics: rows.Diagnostics}
			changed := c.rows()
			change(changed)
			return tx.Tx.Insert(changed)
		}
	})
}

// eachRow changes rows as they are read.
func eachRow[R comparable](change func(*projections.Row[R])) func(iter.Seq2[projections.Row[R], error]) iter.Seq2[projections.Row[R], error] {
	return func(rows iter.Seq2[projections.Row[R], error]) iter.Seq2[projections.Row[R], error] {
		return func(yield func(projections.Row[R], error) bool) {
			for row, err := range rows {
				change(&row)
				if !yield(row, err) {
					return
				}
			}
		}
	}
}
