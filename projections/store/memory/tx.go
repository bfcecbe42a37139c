package memory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

var (
	errEnded    = errors.New("memory: the transaction was used after its Update had returned")
	errNoLock   = errors.New("memory: the transaction was used before Lock")
	errLocked   = errors.New("memory: Lock was called twice in a transaction")
	errNotReady = errors.New("memory: rows were inserted before their run was cleared")
)

// tx is a transaction. It writes to copies of runs, which become the store's
// when it commits.
type tx struct {
	store  *Store
	ctx    context.Context
	locked map[domain.RunID]bool // nil before Lock
	ended  bool
	// base is what was stored when the lock was taken, changed the runs that are different
	// now. Those in ready were cleared.
	base    content
	changed map[domain.RunID]*run
	streams map[domain.RunID][]byte // what Keep was given, with what is kept before it
	ready   map[domain.RunID]bool
	// versions are to be registered, if not nil.
	versions map[string]int
}

// Lock waits until no other transaction has the lock.
func (t *tx) Lock(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	switch {
	case t.ended:
		return nil, errEnded
	case t.locked != nil:
		return nil, errLocked
	}
	for _, id := range runs {
		if err := store.CheckRunID(id); err != nil {
			return nil, err
		}
	}
	select {
	case t.store.writing <- struct{}{}:
	case <-t.ctx.Done():
		return nil, t.ctx.Err()
	}
	t.locked, t.ready, t.streams = map[domain.RunID]bool{}, map[domain.RunID]bool{}, map[domain.RunID][]byte{}
	for _, id := range runs {
		t.locked[id] = true
	}
	t.base = *t.store.now.Load()
	return t.base.checkpoints(runs), nil
}

func (t *tx) Versions() (map[string]int, error) {
	if err := t.may(); err != nil {
		return nil, err
	}
	if t.versions != nil {
		return maps.Clone(t.versions), nil
	}
	return t.store.Versions(t.ctx)
}

func (t *tx) Register() error {
	versions, err := t.Versions()
	if err != nil {
		return err
	}
	for _, d := range t.store.set.Stored() {
		versions[d.Name] = max(versions[d.Name], d.Version)
	}
	t.versions = versions
	return nil
}

func (t *tx) Clear(runs []domain.RunID, of []*projections.Definition) error {
	if err := t.may(runs...); err != nil {
		return err
	}
	for _, id := range runs {
		t.change(id).clear(of)
		t.ready[id] = true
	}
	return nil
}

func (t *tx) Truncate(id domain.RunID, of *projections.Definition, length int) error {
	if err := t.may(id); err != nil {
		return err
	}
	t.change(id).table(of).truncate(length)
	return nil
}

func (t *tx) Insert(rows *store.Rows) error {
	if err := t.may(rows.RunID); err != nil {
		return err
	}
	if !t.ready[rows.RunID] && !rows.Continued {
		return fmt.Errorf("%w: %+q", errNotReady, string(rows.RunID))
	}
	return t.change(rows.RunID).insert(rows)
}

func (t *tx) SetCheckpoint(id domain.RunID, checkpoint store.Checkpoint) error {
	if err := t.may(id); err != nil {
		return err
	}
	own := t.change(id)
	if checkpoint.Kept {
		if err := t.reach(id, own, checkpoint.End); err != nil {
			return err
		}
	}
	own.checkpoint = projections.Some(checkpoint)
	return nil
}

// may returns an error if the transaction may not write runs.
func (t *tx) may(runs ...domain.RunID) error {
	switch {
	case t.ended:
		return errEnded
	case t.locked == nil:
		return errNoLock
	}
	for _, id := range runs {
		if !t.locked[id] {
			return fmt.Errorf("memory: run %+q is not one that Lock has named", string(id))
		}
	}
	return t.ctx.Err()
}

// change returns the transaction's own version of a run.
func (t *tx) change(id domain.RunID) *run {
	if own, ok := t.changed[id]; ok {
		return own
	}
	own := newRun()
	if stored, ok := t.base[id]; ok {
		own = stored.clone()
	}
	t.changed[id] = own
	return own
}

// next returns the content that will be stored.
func (t *tx) next() content {
	next := content{}
	maps.Copy(next, t.base)
	for id, run := range t.changed {
		next[id] = run
		maps.DeleteFunc(run.tables, func(_ string, t *table) bool { return len(t.rows) == 0 })
		if run.empty() {
			delete(next, id)
		}
	}
	return next
}

// commit stores what has changed.
func (t *tx) commit() error {
	if len(t.changed) > 0 {
		next := t.next()
		t.store.now.Store(&next)
		t.store.beside.note(slices.Sorted(maps.Keys(t.changed)))
	}
	if t.versions != nil {
		t.store.versions.Store(&t.versions)
		t.store.register(t.versions)
	}
	t.store.revision.Add(1)
	return nil
}

// end releases the lock.
func (t *tx) end() {
	if t.locked != nil {
		<-t.store.writing
	}
	t.ended = true
}

// register notes which definitions the rows have. It needs the lock.
func (s *Store) register(versions map[string]int) {
	for _, d := range s.set.Stored() {
		at := slices.IndexFunc(s.registered, func(other *projections.Definition) bool { return other.Name == d.Name })
		switch {
		case versions[d.Name] != d.Version:
		case at < 0:
			s.registered = append(s.registered, d)
		default:
			s.registered[at] = d
		}
	}
}
