package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// Each law finds the mistakes that it is there for, within as many tries as a
// test has.
func TestLawsFindMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, on one goroutine")
	}
	before := hangs
	hangs = time.Second
	t.Cleanup(func() { hangs = before })
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			law := lawCalled(t, m.law)
			err := search(law, m.change, enough*law.times)
			require.Error(t, err, "not found by %q", m.law)
			t.Log(err)
		})
	}
}

// A store without a mistake passes for one, so that what is found is not the
// wrapping.
func TestWrappedStoreIsSound(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, on one goroutine")
	}
	sound := map[string]bool{}
	for _, m := range mutants {
		if !sound[m.law] {
			assert.NoError(t, search(lawCalled(t, m.law), inTx(func(*mutantTx) {}), 1), m.law)
		}
		sound[m.law] = true
	}
}

// mutant is a store that does one thing wrong, and the law that finds it.
type mutant struct {
	name, law string
	change    func(*mutantStore)
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

// search tries the law so many times, an example too, since some mistakes only
// show when goroutines meet.
func search(l law, change func(*mutantStore), tries int) error {
	try := rapid.Custom(func(draw *rapid.T) error {
		if l.example {
			rapid.Bool().Draw(draw, "nothing") // which rapid asks for
		}
		s := memory.New()
		return l.try(once(func(set *projections.Set) store.Store { return newMutant(s.As(set), change) }), draw)
	})
	for seed := range tries {
		if err := try.Example(seed); err != nil {
			return err
		}
	}
	return nil
}

// mutantStore is a store in memory whose methods can be replaced.
type mutantStore struct {
	*memory.Store
	revision    func(context.Context) (string, error)
	checkpoints func(context.Context, []domain.RunID) (map[domain.RunID]store.Checkpoint, error)
	update      func(context.Context, func(store.Tx) error) error
	view        func(context.Context, domain.RunID, func(store.Snapshot) error) error
	runs        func(context.Context, store.Page) ([]store.Listed, error)
	runIDs      func(context.Context, domain.RunID, int) ([]domain.RunID, error)
	outdated    func(context.Context, domain.RunID, int) ([]domain.RunID, error)
	waiting     func(context.Context, ...domain.RunID) ([]store.Waiting, error)
	parked      func(context.Context, domain.RunID, int64) (domain.Segment, bool, error)
}

func newMutant(s *memory.Store, change func(*mutantStore)) *mutantStore {
	m := &mutantStore{s, s.Revision, s.Checkpoints, s.Update, s.View, s.Runs, s.RunIDs, s.Outdated, s.Waiting, s.Parked}
	change(m)
	return m
}

func (m *mutantStore) Revision(ctx context.Context) (string, error) { return m.revision(ctx) }
func (m *mutantStore) Checkpoints(ctx context.Context, runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	return m.checkpoints(ctx, runs)
}
func (m *mutantStore) Update(ctx context.Context, do func(store.Tx) error) error {
	return m.update(ctx, do)
}
func (m *mutantStore) View(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
	return m.view(ctx, run, do)
}
func (m *mutantStore) Runs(ctx context.Context, page store.Page) ([]store.Listed, error) {
	return m.runs(ctx, page)
}
func (m *mutantStore) RunIDs(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
	return m.runIDs(ctx, after, limit)
}
func (m *mutantStore) Outdated(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
	return m.outdated(ctx, after, limit)
}
func (m *mutantStore) Waiting(ctx context.Context, runs ...domain.RunID) ([]store.Waiting, error) {
	return m.waiting(ctx, runs...)
}
func (m *mutantStore) Parked(ctx context.Context, run domain.RunID, offset int64) (domain.Segment, bool, error) {
	return m.parked(ctx, run, offset)
}

// mutantTx is a transaction whose methods can be replaced.
type mutantTx struct {
	ctx        context.Context
	store      *memory.Store
	lock       func([]domain.RunID) (map[domain.RunID]store.Checkpoint, error)
	versions   func() (map[string]int, error)
	register   func() error
	clear      func([]domain.RunID, []definition) error
	truncate   func(domain.RunID, definition, int) error
	insert     func(*store.Rows) error
	checkpoint func(domain.RunID, store.Checkpoint) error
	park       func([]domain.Segment) error
	unpark     func(domain.RunID, int64) error
	quarantine func(domain.RunID, *store.Quarantine) error
	keep       func(domain.RunID, int64, []byte) error
	discard    func([]domain.RunID) error
	late       func() error // before the commit
}

func (t *mutantTx) Lock(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	return t.lock(runs)
}
func (t *mutantTx) Versions() (map[string]int, error)                { return t.versions() }
func (t *mutantTx) Register() error                                  { return t.register() }
func (t *mutantTx) Clear(runs []domain.RunID, of []definition) error { return t.clear(runs, of) }
func (t *mutantTx) Truncate(run domain.RunID, of definition, n int) error {
	return t.truncate(run, of, n)
}
func (t *mutantTx) Insert(rows *store.Rows) error { return t.insert(rows) }
func (t *mutantTx) SetCheckpoint(run domain.RunID, c store.Checkpoint) error {
	return t.checkpoint(run, c)
}
func (t *mutantTx) Park(segments []domain.Segment) error     { return t.park(segments) }
func (t *mutantTx) Unpark(run domain.RunID, end int64) error { return t.unpark(run, end) }
func (t *mutantTx) SetQuarantine(run domain.RunID, q *store.Quarantine) error {
	return t.quarantine(run, q)
}
func (t *mutantTx) Keeps() bool {
	keeps, _ := t.store.Keeps(t.ctx)
	return keeps
}
func (t *mutantTx) Keep(run domain.RunID, offset int64, data []byte) error {
	return t.keep(run, offset, data)
}
func (t *mutantTx) Discard(runs []domain.RunID) error { return t.discard(runs) }

func newMutantTx(ctx context.Context, s *memory.Store, tx store.Tx) *mutantTx {
	return &mutantTx{
		ctx, s, tx.Lock, tx.Versions, tx.Register, tx.Clear, tx.Truncate, tx.Insert, tx.SetCheckpoint,
		tx.Park, tx.Unpark, tx.SetQuarantine, tx.Keep, tx.Discard, func() error { return nil },
	}
}

// inTx changes each transaction.
func inTx(change func(*mutantTx)) func(*mutantStore) {
	return func(s *mutantStore) {
		s.update = func(ctx context.Context, do func(store.Tx) error) error {
			return s.Store.Update(ctx, func(tx store.Tx) error {
				t := newMutantTx(ctx, s.Store, tx)
				change(t)
				if err := do(t); err != nil {
					return err
				}
				return t.late()
			})
		}
	}
}

// calling is a transaction of which each call that writes goes to do.
func calling(ctx context.Context, s *memory.Store, do func(func(store.Tx) error) error) *mutantTx {
	t := newMutantTx(ctx, s, each{do: do})
	t.lock = func(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) { return s.Checkpoints(ctx, runs) }
	t.versions = func() (map[string]int, error) { return s.Versions(ctx) }
	t.insert = func(rows *store.Rows) error {
		rows = copyOf(rows) // which are the caller's again
		return do(func(tx store.Tx) error {
			if !rows.Continued { // which is asked for in the same transaction
				if err := tx.Clear([]domain.RunID{rows.RunID}, nil); err != nil {
					return err
				}
			}
			return tx.Insert(rows)
		})
	}
	return t
}

func copyOf(rows *store.Rows) *store.Rows {
	c := *rows
	c.Tables = slices.Clone(rows.Tables)
	for i, t := range c.Tables {
		c.Tables[i].Rows = rowsWhere(t.Of, t.Rows, func(anyRow) bool { return true })
	}
	return &c
}

// locking locks runs, and does something in a transaction.
func locking(ctx context.Context, s *memory.Store, runs []domain.RunID, do func(store.Tx) error) error {
	return s.Update(ctx, func(tx store.Tx) error {
		if _, err := tx.Lock(runs); err != nil {
			return err
		}
		return do(tx)
	})
}

// remembering has a transaction remember what it locks.
func remembering(t *mutantTx, runs *[]domain.RunID) *mutantTx {
	lock := t.lock
	t.lock = func(named []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
		*runs = named
		return lock(named)
	}
	return t
}

// autocommit makes a transaction of each call.
func autocommit(s *mutantStore) {
	s.update = func(ctx context.Context, do func(store.Tx) error) error {
		var runs []domain.RunID
		return do(remembering(calling(ctx, s.Store, func(call func(store.Tx) error) error {
			defer time.Sleep(moment)
			return locking(ctx, s.Store, runs, call)
		}), &runs))
	}
}

// lockless locks when it commits.
func lockless(s *mutantStore) {
	s.update = func(ctx context.Context, do func(store.Tx) error) error {
		var runs []domain.RunID
		var calls []func(store.Tx) error
		err := do(remembering(calling(ctx, s.Store, func(call func(store.Tx) error) error {
			calls = append(calls, call)
			return nil
		}), &runs))
		if err != nil || runs == nil {
			return err
		}
		time.Sleep(moment)
		return locking(ctx, s.Store, runs, func(tx store.Tx) error {
			for _, call := range calls {
				if err := call(tx); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// aside does what a transaction asks for outside of it, when it has ended.
func aside(change func(t *mutantTx, later func(domain.RunID, func(store.Tx) error) error)) func(*mutantStore) {
	return func(s *mutantStore) {
		s.update = func(ctx context.Context, do func(store.Tx) error) error {
			var later []func() error
			inner := newMutant(s.Store, inTx(func(t *mutantTx) {
				change(t, func(run domain.RunID, call func(store.Tx) error) error {
					later = append(later, func() error { return locking(ctx, s.Store, []domain.RunID{run}, call) })
					return nil
				})
			}))
			err := inner.Update(ctx, do)
			for _, call := range later {
				if failed := call(); err == nil {
					err = failed
				}
			}
			return err
		}
	}
}

// inserting changes values as they are inserted.
func inserting(change func(c *projections.Column, row projections.Ref)) func(*mutantStore) {
	return insertingRows(func(t store.TableRows, row *anyRow) bool {
		for i := range t.Of.Columns {
			change(&t.Of.Columns[i], row.Value)
		}
		return true
	})
}

// insertingTexts changes texts as they are inserted.
func insertingTexts(change func(c *projections.Column, text string) string) func(*mutantStore) {
	return inserting(func(c *projections.Column, row projections.Ref) {
		if c.Type == projections.Text && !c.IsNull(row) {
			set(c, row, change(c, c.Text(row)))
		}
	})
}

// insertingRows changes rows as they are inserted, or leaves them out.
func insertingRows(change func(t store.TableRows, row *anyRow) bool) func(*mutantStore) {
	return inTx(func(tx *mutantTx) {
		insert := tx.insert
		tx.insert = func(rows *store.Rows) error {
			changed := *rows
			changed.Tables = slices.Clone(rows.Tables)
			for i, t := range changed.Tables {
				changed.Tables[i].Rows = t.Of.NewRows()
				for j := range t.Rows.Len() {
					one := t.Of.NewRows()
					one.Add(t.Rows.At(j))
					if row := one.At(0); change(t, &row) {
						changed.Tables[i].Add(row)
					}
				}
			}
			return insert(&changed)
		}
	})
}

// notReplacing leaves out the rows of a table that replace others.
func notReplacing(of definition) func(*mutantStore) {
	return insertingRows(func(t store.TableRows, row *anyRow) bool { return t.Of != of || row.Index >= t.Stored })
}

// clearing changes what is cleared.
func clearing(change func(runs []domain.RunID, of []definition) ([]domain.RunID, []definition)) func(*mutantStore) {
	return inTx(func(tx *mutantTx) {
		clear := tx.clear
		tx.clear = func(runs []domain.RunID, of []definition) error { return clear(change(runs, of)) }
	})
}

func clearingAllBut(table definition) func(*mutantStore) {
	return clearing(func(runs []domain.RunID, of []definition) ([]domain.RunID, []definition) {
		return runs, slices.DeleteFunc(slices.Clone(of), func(of definition) bool { return of == table })
	})
}

// confusing takes ids that are alike for one when it clears.
func confusing(alike func(a, b domain.RunID) bool) func(*mutantStore) {
	return inTx(func(tx *mutantTx) {
		similar := func(runs []domain.RunID) []domain.RunID {
			all, _ := tx.store.RunIDs(tx.ctx, "", 1000)
			for _, id := range all {
				if slices.ContainsFunc(runs, func(run domain.RunID) bool { return run != id && alike(run, id) }) {
					runs = append(slices.Clone(runs), id)
				}
			}
			return runs
		}
		lock, clear := tx.lock, tx.clear
		tx.lock = func(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) { return lock(similar(runs)) }
		tx.clear = func(runs []domain.RunID, of []definition) error { return clear(similar(runs), of) }
	})
}

// checkpointing changes checkpoints that are set.
func checkpointing(change func(*store.Checkpoint)) func(*mutantStore) {
	return inTx(func(tx *mutantTx) {
		set := tx.checkpoint
		tx.checkpoint = func(run domain.RunID, c store.Checkpoint) error {
			change(&c)
			return set(run, c)
		}
	})
}

// parking changes segments that are to be parked.
func parking(change func(*domain.Segment)) func(*mutantStore) {
	return inTx(func(tx *mutantTx) {
		park := tx.park
		tx.park = func(segments []domain.Segment) error {
			segments = slices.Clone(segments)
			for i := range segments {
				change(&segments[i])
			}
			return park(segments)
		}
	})
}

// near is how many bytes of a stream are near each other.
const near = 64

// parkingOnce does not park a segment where there is another one that passes for the same:
// it has a byte of the segment, or begins near it.
func parkingOnce(same func(s, there domain.Segment) bool) func(*mutantStore) {
	return inTx(func(tx *mutantTx) {
		park := tx.park
		tx.park = func(segments []domain.Segment) error {
			for _, s := range segments {
				first := s.Offset - s.Offset%near
				all, err := parkedWithin(tx.ctx, tx.store, s.Run, first, max(first+near, s.End()))
				if err != nil {
					return err
				}
				if slices.ContainsFunc(all, func(there domain.Segment) bool { return same(s, there) }) {
					continue
				}
				if err := park([]domain.Segment{s}); err != nil {
					return err
				}
			}
			return nil
		}
	})
}

// unparking changes what is not parked any more.
func unparking(change func(tx *mutantTx, unpark func(domain.RunID, int64) error) func(domain.RunID, int64) error) func(*mutantStore) {
	return inTx(func(tx *mutantTx) { tx.unpark = change(tx, tx.unpark) })
}

// quarantining changes quarantines.
func quarantining(change func(*store.Quarantine)) func(*mutantStore) {
	return inTx(func(tx *mutantTx) {
		quarantine := tx.quarantine
		tx.quarantine = func(run domain.RunID, q *store.Quarantine) error {
			if q != nil {
				changed := *q
				change(&changed)
				q = &changed
			}
			return quarantine(run, q)
		}
	})
}

// parkedBy returns those parked segments of a run that Parked ever finds.
func parkedBy(ctx context.Context, s *memory.Store, run domain.RunID) ([]domain.Segment, error) {
	return parkedWithin(ctx, s, run, 0, math.MaxInt64)
}

// parkedWithin returns those parked segments that Parked finds with a byte from first on and
// before last.
func parkedWithin(ctx context.Context, s *memory.Store, run domain.RunID, first, last int64) (all []domain.Segment, err error) {
	waiting, err := s.Waiting(ctx, run)
	if err != nil || len(waiting) == 0 {
		return nil, err
	}
	for at := max(first, waiting[0].First); at < min(last, waiting[0].Last); at++ {
		segment, ok, err := s.Parked(ctx, run, at)
		switch {
		case err != nil:
			return nil, err
		case ok && !slices.ContainsFunc(all, func(s domain.Segment) bool { return segmentsEqual(s, segment) }):
			all = append(all, segment)
		}
	}
	return all, nil
}

// finding finds any parked segment of a kind.
func finding(is func(s domain.Segment, offset int64) bool) func(*mutantStore) {
	return func(m *mutantStore) {
		m.parked = func(ctx context.Context, run domain.RunID, offset int64) (domain.Segment, bool, error) {
			if found, ok, err := m.Store.Parked(ctx, run, offset); err != nil || ok && is(found, offset) {
				return found, ok, err
			}
			all, err := parkedBy(ctx, m.Store, run)
			for _, s := range all {
				if is(s, offset) {
					return s, true, err
				}
			}
			return domain.Segment{}, false, err
		}
	}
}

// unparkWhere removes the parked segments of a run of some kind.
func unparkWhere(tx *mutantTx, unpark func(domain.RunID, int64) error, run domain.RunID, is func(domain.Segment) bool) error {
	all, err := parkedBy(tx.ctx, tx.store, run)
	if err != nil {
		return err
	}
	var stay []domain.Segment
	for _, s := range all {
		if !is(s) {
			s.Data = bytes.Clone(s.Data)
			stay = append(stay, s)
		}
	}
	return errors.Join(unpark(run, math.MaxInt64), tx.park(stay))
}

// waitingAs changes what waits.
func waitingAs(change func([]store.Waiting) []store.Waiting) func(*mutantStore) {
	return func(m *mutantStore) {
		m.waiting = func(ctx context.Context, runs ...domain.RunID) ([]store.Waiting, error) {
			all, err := m.Store.Waiting(ctx, runs...)
			return change(all), err
		}
	}
}

func eachWaiting(change func(*store.Waiting)) func(*mutantStore) {
	return waitingAs(func(all []store.Waiting) []store.Waiting {
		for i := range all {
			change(&all[i])
		}
		return all
	})
}

// reading changes how rows of a table are read.
func reading(change func(of definition, rows iter.Seq2[anyRow, error]) iter.Seq2[anyRow, error]) func(*mutantStore) {
	return func(m *mutantStore) {
		m.view = func(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
			return m.Store.View(ctx, run, func(snapshot store.Snapshot) error {
				return do(&mutantSnapshot{snapshot, func(of definition) iter.Seq2[anyRow, error] {
					return change(of, snapshot.Rows(of))
				}})
			})
		}
	}
}

type mutantSnapshot struct {
	store.Snapshot
	rows func(definition) iter.Seq2[anyRow, error]
}

func (s *mutantSnapshot) Rows(of definition) iter.Seq2[anyRow, error] { return s.rows(of) }

// readingRows changes rows as they are read.
func readingRows(change func(of definition, row *anyRow)) func(*mutantStore) {
	return reading(func(of definition, rows iter.Seq2[anyRow, error]) iter.Seq2[anyRow, error] {
		return func(yield func(anyRow, error) bool) {
			for row, err := range rows {
				if err == nil {
					change(of, &row)
				}
				if !yield(row, err) {
					return
				}
			}
		}
	})
}

// unisolated reads what is stored at each call.
func unisolated(m *mutantStore) {
	m.view = func(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
		return m.Store.View(ctx, run, func(snapshot store.Snapshot) error {
			return do(&mutantSnapshot{snapshot, func(of definition) iter.Seq2[anyRow, error] {
				return func(yield func(anyRow, error) bool) {
					_ = m.Store.View(ctx, run, func(now store.Snapshot) error {
						now.Rows(of)(yield)
						return nil
					})
				}
			}})
		})
	}
}

// withinConnections lets so many sequences of a view be left before their ends, or of all
// views.
func withinConnections(connections int, ofAll bool) func(*mutantStore) {
	return func(m *mutantStore) {
		used := 0
		reading(func(_ definition, rows iter.Seq2[anyRow, error]) iter.Seq2[anyRow, error] {
			return func(yield func(anyRow, error) bool) {
				if used == connections {
					yield(anyRow{}, errors.New("no connection is left"))
					return
				}
				used++
				for row, err := range rows {
					if !yield(row, err) {
						return
					}
				}
				used--
			}
		})(m)
		view := m.view
		m.view = func(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
			if !ofAll {
				used = 0
			}
			return view(ctx, run, do)
		}
	}
}

// exclusive lets one sequence be open at a time.
func exclusive(m *mutantStore) {
	busy := false
	reading(func(_ definition, rows iter.Seq2[anyRow, error]) iter.Seq2[anyRow, error] {
		return func(yield func(anyRow, error) bool) {
			if busy {
				yield(anyRow{}, errors.New("the connection is busy"))
				return
			}
			busy = true
			defer func() { busy = false }()
			rows(yield)
		}
	})(m)
}

// deadlocking has a lock for each run, and takes them as they are named. Who
// waits for too long gets the error that a database has for it.
func deadlocking(m *mutantStore) {
	var mu sync.Mutex
	locks := map[domain.RunID]chan struct{}{}
	of := func(run domain.RunID) chan struct{} {
		mu.Lock()
		defer mu.Unlock()
		if locks[run] == nil {
			locks[run] = make(chan struct{}, 1)
		}
		return locks[run]
	}
	m.update = func(ctx context.Context, do func(store.Tx) error) error {
		var taken []chan struct{}
		defer func() {
			for _, lock := range taken {
				<-lock
			}
		}()
		inner := newMutant(m.Store, inTx(func(tx *mutantTx) {
			lock := tx.lock
			tx.lock = func(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
				ctx, cancel := context.WithTimeout(ctx, pause)
				defer cancel()
				for _, run := range runs {
					select {
					case of(run) <- struct{}{}:
						taken = append(taken, of(run))
						time.Sleep(moment)
					case <-ctx.Done():
						return nil, errors.New("deadlock")
					}
				}
				return lock(runs)
			}
		}))
		return inner.Update(ctx, do)
	}
}

// changesRevision counts the updates of a program, when they have written or when they have committed.
func changesRevision(early bool) func(*mutantStore) {
	return func(m *mutantStore) {
		var counted atomic.Int64
		m.revision = func(context.Context) (string, error) { return fmt.Sprint(counted.Load()), nil }
		m.update = func(ctx context.Context, do func(store.Tx) error) error {
			if !early {
				defer counted.Add(1)
			}
			return m.Store.Update(ctx, func(tx store.Tx) error {
				if early {
					counted.Add(1)
				}
				return do(tx)
			})
		}
	}
}

// listingRuns lists runs in some order.
func listingRuns(order func(a, b store.Run) int) func(*mutantStore) {
	return listingWhere(order, matches)
}

// listingWhere lists runs in some order that belong to a page.
func listingWhere(order func(a, b store.Run) int, belongs func(store.Page, store.Listed) bool) func(*mutantStore) {
	return func(m *mutantStore) {
		m.runs = func(ctx context.Context, page store.Page) ([]store.Listed, error) {
			runs, err := m.Store.Runs(ctx, store.Page{Limit: 1000})
			slices.SortStableFunc(runs, func(a, b store.Listed) int { return order(a.Run, b.Run) })
			after := page.After
			page.After = nil
			runs = slices.DeleteFunc(runs, func(run store.Listed) bool {
				return after != nil && order(run.Run, *after) <= 0 || !belongs(page, run)
			})
			if page.Before != nil {
				return runs[max(0, len(runs)-page.Limit):], err
			}
			return runs[:min(len(runs), page.Limit)], err
		}
	}
}

// filtering lists runs for a page that change has changed.
func filtering(change func(*store.Page)) func(*mutantStore) {
	return func(m *mutantStore) {
		m.runs = func(ctx context.Context, page store.Page) ([]store.Listed, error) {
			change(&page)
			return m.Store.Runs(ctx, page)
		}
	}
}

// showing changes the runs that are listed.
func showing(change func([]store.Listed)) func(*mutantStore) {
	return func(m *mutantStore) {
		m.runs = func(ctx context.Context, page store.Page) ([]store.Listed, error) {
			runs, err := m.Store.Runs(ctx, page)
			change(runs)
			return runs, err
		}
	}
}

// listingIDs lists ids in some order.
func listingIDs(order func(a, b domain.RunID) int) func(*mutantStore) {
	return func(m *mutantStore) {
		m.runIDs = func(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
			ids, err := m.Store.RunIDs(ctx, "", 1000)
			slices.SortFunc(ids, order)
			ids = slices.DeleteFunc(ids, func(id domain.RunID) bool { return order(id, after) <= 0 })
			return ids[:min(len(ids), limit)], err
		}
	}
}
