package memory

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

var _ store.Versioned = (*Store)(nil)

// generations are those of a store beside the live one, and what has changed in that.
type generations struct {
	mu         sync.Mutex
	live, used int // the number of the live one, and the highest one
	all        map[int]*beside
	changes    []store.Change
	noted      int64
}

// beside is a generation that is not live. Its rows are those of a store of its own.
type beside struct {
	*Store
	number int
	state  store.GenerationState
	from   *shared
	// of are the projections that it has the rows of.
	of []*projections.Definition
}

// note notes that runs have changed.
func (g *generations) note(runs []domain.RunID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, run := range runs {
		if len(g.all) == 0 {
			return
		}
		g.changes = slices.DeleteFunc(g.changes, func(c store.Change) bool { return c.Run == run })
		g.noted++
		g.changes = append(g.changes, store.Change{ID: g.noted, Run: run})
	}
}

// get returns a generation.
func (g *generations) get(number int) (*beside, error) {
	if b := g.all[number]; b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("%w: generation %d", store.ErrNoGeneration, number)
}

// Generations returns the generations.
func (s *Store) Generations(ctx context.Context) ([]store.Generation, error) {
	g := &s.beside
	g.mu.Lock()
	defer g.mu.Unlock()
	all := []store.Generation{{Number: g.live, State: store.LiveGeneration, Versions: maps.Clone(*s.versions.Load())}}
	for number, b := range g.all {
		all = append(all, store.Generation{Number: number, State: b.state, Versions: maps.Clone(*b.versions.Load())})
	}
	slices.SortFunc(all, func(a, b store.Generation) int { return a.Number - b.Number })
	return all, ctx.Err()
}

// exclusive calls do while nobody else writes.
func (s *Store) exclusive(ctx context.Context, do func(*generations) error) error {
	select {
	case s.writing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.writing }()
	return do(&s.beside)
}

// Next returns the generation that is being built.
func (s *Store) Next(ctx context.Context) (next store.Beside, err error) {
	err = s.exclusive(ctx, func(g *generations) error {
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, b := range g.all {
			if b.state != store.PreviousGeneration && isFor(b.of, s.set) {
				next = b
				return nil
			}
		}
		g.used++
		b := &beside{newStore(s.id, s.set), g.used, store.BuildingGeneration, s.shared, s.set.Stored()}
		versions := map[string]int{}
		for _, of := range b.of {
			versions[of.Name] = of.Version
		}
		b.versions.Store(&versions)
		b.registered = b.of
		g.all, g.changes, next = map[int]*beside{g.used: b}, nil, b
		return nil
	})
	return next, err
}

// Leniently returns the store for comparing it.
func (s *Store) Leniently(context.Context) (_ store.Store, lacks, more map[*projections.Definition][]string, err error) {
	lacks, more = map[*projections.Definition][]string{}, map[*projections.Definition][]string{}
	for _, of := range s.set.Stored() {
		for _, was := range s.registered {
			if was.Name == of.Name {
				lacks[of], more[of] = without(of.Columns, was.Columns), without(was.Columns, of.Columns)
			}
		}
	}
	return lenient{s}, lacks, more, nil
}

// without returns the names of columns that are not among others.
func without(columns, others []projections.Column) (names []string) {
	for _, c := range columns {
		if !slices.ContainsFunc(others, func(o projections.Column) bool { return o.Name == c.Name && o.Type == c.Type && o.Bits == c.Bits }) {
			names = append(names, c.Name)
		}
	}
	return names
}

// lenient reads the columns that a table does not have as their zero values.
type lenient struct{ *Store }

func (l lenient) View(ctx context.Context, id domain.RunID, do func(store.Snapshot) error) error {
	return l.Store.View(ctx, id, func(s store.Snapshot) error { return do(lenientSnapshot{s.(*snapshot)}) })
}

type lenientSnapshot struct{ *snapshot }

func (s lenientSnapshot) Rows(of *projections.Definition) iter.Seq2[projections.AnyRow, error] {
	for _, t := range s.rows.tables {
		if t.of.Name == of.Name {
			return t.as(of, s.id).all(s.snapshot)
		}
	}
	return newTable(of).all(s.snapshot)
}

// isFor reports whether projections are those of a set.
func isFor(of []*projections.Definition, set *projections.Set) bool {
	return slices.EqualFunc(of, set.Stored(), func(a, b *projections.Definition) bool {
		return a.ID() == b.ID() && a.Describe() == b.Describe()
	})
}

// Beside returns a generation that is not live.
func (s *Store) Beside(_ context.Context, number int) (store.Beside, error) {
	s.beside.mu.Lock()
	defer s.beside.mu.Unlock()
	b, err := s.beside.get(number)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Drop drops generations.
func (s *Store) Drop(ctx context.Context, numbers ...int) error {
	return s.exclusive(ctx, func(g *generations) error {
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, number := range numbers {
			if _, err := g.get(number); err != nil {
				return err
			}
			delete(g.all, number)
		}
		return nil
	})
}

// Switch makes a generation the live one. Unlike that of a database, it keeps what last has written
// if it fails: that is only brought over earlier.
func (s *Store) Switch(ctx context.Context, number int, keep bool, last func(store.Beside) error) error {
	return s.exclusive(ctx, func(g *generations) error {
		g.mu.Lock()
		next, err := g.get(number)
		g.mu.Unlock()
		switch {
		case err != nil:
			return err
		case next.state == store.BuildingGeneration:
			return store.ErrNotBuilt
		}
		if err := last(next); err != nil {
			return err
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		aside := newStore(s.id, s.set)
		was := &beside{aside, g.live, store.PreviousGeneration, s.shared, nil}
		was.of = s.swap(next, aside)
		g.live, g.changes = number, nil
		delete(g.all, number)
		if clear(g.all); keep {
			g.all = map[int]*beside{was.number: was}
		}
		return nil
	})
}

// swap gives the live generation the rows of next, and aside those that it had. Rows of projections
// that next does not have stay. It returns the projections of aside.
func (s *Store) swap(next *beside, aside *Store) (of []*projections.Definition) {
	moves := map[string]bool{}
	for _, d := range next.of {
		moves[d.Name] = true
	}
	for _, d := range s.registered {
		if moves[d.Name] {
			of = append(of, d)
		}
	}
	live, put, old := *s.now.Load(), content{}, content{}
	for id, r := range *next.now.Load() {
		put[id] = r.clone()
		put[id].parked, put[id].quarantine = map[parkedKey]parked{}, nil
	}
	for id, r := range live {
		into, left := put[id], newRun()
		if into == nil {
			into = newRun()
		}
		into.parked, into.quarantine, into.kept, left.checkpoint = r.parked, r.quarantine, r.kept, r.checkpoint
		for name, t := range r.tables {
			if !moves[t.of.Name] {
				into.tables[name] = t
				continue
			}
			left.tables[name] = t
		}
		if put[id] = into; into.empty() {
			delete(put, id)
		}
		old[id] = left
	}
	versions, were := maps.Clone(*next.versions.Load()), map[string]int{}
	for name, version := range *s.versions.Load() {
		if were[name] = version; !moves[name] {
			versions[name] = version
			delete(were, name)
		}
	}
	registered := slices.DeleteFunc(slices.Clone(s.registered), func(d *projections.Definition) bool { return moves[d.Name] })
	aside.registered, s.registered = of, append(registered, next.of...)
	aside.now.Store(&old)
	aside.versions.Store(&were)
	s.versions.Store(&versions)
	s.now.Store(&put)
	s.revision.Add(1)
	return of
}

// Number returns the generation's number.
func (b *beside) Number() int { return b.number }

// Waiting and Parked are those of the store.
func (b *beside) Waiting(ctx context.Context, runs ...domain.RunID) ([]store.Waiting, error) {
	return (&Store{b.from, b.set}).Waiting(ctx, runs...)
}

// Parked returns a parked segment of the store.
func (b *beside) Parked(ctx context.Context, run domain.RunID, offset int64) (domain.Segment, bool, error) {
	return (&Store{b.from, b.set}).Parked(ctx, run, offset)
}

// Carry replaces rows of runs by the live ones.
func (b *beside) Carry(ctx context.Context, runs []domain.RunID) error {
	return b.Update(ctx, func(begun store.Tx) error {
		if _, err := begun.Lock(runs); err != nil {
			return err
		}
		t, live := begun.(*tx), *b.from.now.Load()
		for _, id := range runs {
			own := newRun()
			if r := live[id]; r != nil {
				own.checkpoint = r.checkpoint
				for _, was := range r.tables {
					for _, of := range b.of {
						if of.Name == was.of.Name {
							own.tables[of.Table] = was.as(of, id)
						}
					}
				}
			}
			t.changed[id] = own
		}
		return nil
	})
}

// Same returns which rows of runs are the same in the live generation.
func (b *beside) Same(ctx context.Context, runs []domain.RunID) (map[domain.RunID][]*projections.Definition, error) {
	live, own, all := *b.from.now.Load(), *b.now.Load(), map[domain.RunID][]*projections.Definition{}
	for _, id := range runs {
		was, is := live[id], own[id]
		if was == nil || is == nil || !is.sameBytes(was, b.set.Stored()) {
			continue
		}
		all[id] = slices.DeleteFunc(slices.Clone(b.set.Stored()), func(of *projections.Definition) bool {
			return !is.tables[of.Table].same(was.tables[of.Table])
		})
	}
	return all, ctx.Err()
}

// sameBytes reports whether a run is of projections, and of the same bytes as it was before.
func (r *run) sameBytes(was *run, all []*projections.Definition) bool {
	is, before := r.checkpoint, was.checkpoint
	return is.Valid && before.Valid && is.V.End == before.V.End && is.V.ReadOptions == before.V.ReadOptions && is.V.Projections == projections.ID(all)
}

// Changes returns the runs that have changed in the live generation.
func (b *beside) Changes(_ context.Context, limit int) ([]store.Change, error) {
	g := &b.from.beside
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.changes[:min(limit, len(g.changes))]), nil
}

// Forget removes changes.
func (b *beside) Forget(_ context.Context, changes []store.Change) error {
	g := &b.from.beside
	g.mu.Lock()
	defer g.mu.Unlock()
	g.changes = slices.DeleteFunc(g.changes, func(c store.Change) bool { return slices.Contains(changes, c) })
	return nil
}

// Complete notes that the generation has every run.
func (b *beside) Complete(context.Context) error {
	g := &b.from.beside
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, err := g.get(b.number); err != nil {
		return err
	}
	if b.state == store.BuildingGeneration {
		b.state = store.BuiltGeneration
	}
	return nil
}
