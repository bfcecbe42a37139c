package memory

import (
	"cmp"
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Store keeps rows in memory. The content at one moment is one value that never changes, so
// that readers never wait; an update makes the next value, which replaces it at once.
type Store struct {
	*shared
	set *projections.Set
}

// shared is what all programs share that have opened the store.
type shared struct {
	id       string
	now      atomic.Pointer[content]
	versions atomic.Pointer[map[string]int]
	keeps    atomic.Bool
	// revision counts what was stored of all that. It changes last: who reads it first reads at
	// least what it stands for.
	revision atomic.Int64
	// writing holds a token while a transaction has its lock. There is one
	// lock for all runs.
	writing chan struct{}
	// beside are the other generations; it changes only while writing holds the token.
	beside generations
	// registered are the projections of the rows, in the versions of versions.
	registered []*projections.Definition
}

// content has the runs that are stored. None of them is empty.
type content map[domain.RunID]*run

var _ store.Store = (*Store)(nil)

// New returns an empty store, of the built-in projections.
func New() *Store { return Of(projections.Builtin) }

// Of returns an empty store of a set of projections.
func Of(set *projections.Set) *Store {
	return newStore(rand.Text(), set)
}

func newStore(id string, set *projections.Set) *Store {
	s := &Store{&shared{id: id, writing: make(chan struct{}, 1)}, set}
	s.beside.live, s.beside.used = 1, 1
	s.now.Store(&content{})
	s.versions.Store(&map[string]int{})
	return s
}

// As returns the same store, as opened by a program with another set of projections.
func (s *Store) As(set *projections.Set) *Store { return &Store{s.shared, set} }

// Projections returns the store's projections.
func (s *Store) Projections() *projections.Set { return s.set }

// Versions returns the newest version of each projection that was written.
func (s *Store) Versions(ctx context.Context) (map[string]int, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return maps.Clone(*s.versions.Load()), nil
}

// ID returns the store's id.
func (s *Store) ID(ctx context.Context) (string, error) { return s.id, ctx.Err() }

// Revision returns how often the store has changed.
func (s *Store) Revision(ctx context.Context) (string, error) {
	return strconv.FormatInt(s.revision.Load(), 10), ctx.Err()
}

// Checkpoints returns the checkpoints of the runs that are stored.
func (s *Store) Checkpoints(ctx context.Context, runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.now.Load().checkpoints(runs), nil
}

func (c content) checkpoints(runs []domain.RunID) map[domain.RunID]store.Checkpoint {
	found := map[domain.RunID]store.Checkpoint{}
	for _, id := range runs {
		if run, ok := c[id]; ok && run.checkpoint.Valid {
			found[id] = run.known()
		}
	}
	return found
}

// Update calls do with a transaction, see [store.Store]. From its Lock on, a transaction
// excludes all others, so one inside another waits forever.
func (s *Store) Update(ctx context.Context, do func(store.Tx) error) error {
	tx := &tx{store: s, ctx: ctx, changed: map[domain.RunID]*run{}}
	defer tx.end()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return tx.commit()
}

// View calls do with the rows of one run as they are when View is called.
func (s *Store) View(ctx context.Context, id domain.RunID, do func(store.Snapshot) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	rows, ok := (*s.now.Load())[id]
	if !ok {
		rows = newRun()
	}
	view := &snapshot{id: id, rows: rows}
	defer func() { view.over = true }()
	return do(view)
}

// defaultPage is how many runs a page has without a limit.
const defaultPage = 50

// Runs returns a page of runs.
func (s *Store) Runs(ctx context.Context, page store.Page) ([]store.Listed, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	runs := []store.Listed{}
	for _, run := range *s.now.Load() {
		if row, ok := run.listed(); ok && matches(&row, &page) {
			runs = append(runs, row)
		}
	}
	slices.SortFunc(runs, func(a, b store.Listed) int { return newestFirst(a.Run, b.Run) })
	more := max(0, len(runs)-cmp.Or(page.Limit, defaultPage))
	if page.Before != nil {
		return runs[more:], nil
	}
	return runs[:len(runs)-more], nil
}

func matches(run *store.Listed, page *store.Page) bool {
	begins := func(s string) bool { return strings.HasPrefix(s, page.Text) }
	return (page.State == "" || page.State == run.State) &&
		(!page.Ended.Valid || page.Ended.V == run.Ended) &&
		(page.Label == nil || slices.Contains(run.Labels, *page.Label)) &&
		utf8.ValidString(page.Text) && (begins(string(run.RunID)) || slices.ContainsFunc(run.Labels, func(l projections.Label) bool { return begins(l.Value) })) &&
		(page.After == nil || newestFirst(*page.After, run.Run) < 0) &&
		(page.Before == nil || newestFirst(run.Run, *page.Before) < 0)
}

// newestFirst is the order of runs in pages.
func newestFirst(a, b store.Run) int {
	switch {
	case a.StartedAtMs.Valid != b.StartedAtMs.Valid && a.StartedAtMs.Valid:
		return -1
	case a.StartedAtMs.Valid != b.StartedAtMs.Valid:
		return 1
	}
	return cmp.Or(cmp.Compare(b.StartedAtMs.V, a.StartedAtMs.V), cmp.Compare(a.RunID, b.RunID))
}

// RunIDs returns the first limit runs behind after.
func (s *Store) RunIDs(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
	return s.ids(ctx, after, limit, func(r *run) bool { return r.stored(s.set) })
}

// Outdated returns the first limit runs behind after whose checkpoints lack a
// projection, or have another version of it.
func (s *Store) Outdated(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
	return s.ids(ctx, after, limit, func(r *run) bool {
		return r.checkpoint.Valid && len(projections.Missing(s.set.Stored(), projections.Versions(r.checkpoint.V.Projections))) > 0
	})
}

// ids returns the first limit runs behind after for which is returns true.
func (s *Store) ids(ctx context.Context, after domain.RunID, limit int, is func(*run) bool) ([]domain.RunID, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var ids []domain.RunID
	for id, run := range *s.now.Load() {
		if id > after && is(run) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids[:min(len(ids), limit)], nil
}
