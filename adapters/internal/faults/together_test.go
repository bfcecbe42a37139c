//go:build unix

package faults

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// Two or three programs ingest the same stream while it grows, and as many ingest others. The first
// ones also make the tables.
func TestIngestByPrograms(t *testing.T) {
	eachKind(t, func(t *testing.T, fresh func() database) {
		db, folder, rounds := fresh(), t.TempDir(), times(4)
		shared, data := newStream(folder, "shared"), synthetic(t, large(0))
		for round := range rounds {
			from := len(data) * round / rounds
			shared.grow(t, data[:from+100])
			var commands []*command
			for i := range 2 + round%2 {
				own := newStream(folder, fmt.Sprintf("own-%d", i))
				own.grow(t, data[:(from+i)/8])
				commands = append(commands,
					start(t, shared.path, "--to", db.address),
					start(t, own.path, "--to", db.address))
			}
			for piece := range 20 {
				shared.grow(t, data[:from+len(data)*(piece+1)/(20*rounds)])
				time.Sleep(2 * time.Millisecond)
			}
			for _, c := range commands {
				c.wait(t).succeeds(t)
			}
		}
		run(t, shared.path, "--to", db.address).succeeds(t)
		verified(t, folder, db)
	})
}

// Two or three programs rebuild the same folder, one of them by force.
func TestRebuildByPrograms(t *testing.T) {
	eachKind(t, func(t *testing.T, fresh func() database) {
		rnd, db, f := random(t), fresh(), newFolder(t, 60)
		for round := range times(2) {
			args := []string{"rebuild", f.path, "--to", db.address}
			commands := []*command{start(t, append(args, "--force")...)}
			for range 1 + round%2 {
				commands = append(commands, start(t, args...))
			}
			for _, c := range commands {
				c.wait(t).succeeds(t)
			}
			verified(t, f.path, db)
			f.change(t, rnd)
		}
	})
}

// together does all works at once.
func together(works []func() error) error {
	var wg sync.WaitGroup
	errs := make([]error, len(works))
	for i, work := range works {
		wg.Go(func() { errs[i] = work() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// A lookup fails because the database is lost, while another goroutine writes. The error names this
// cause, not the write that was cancelled because of it.
func TestCauseIsReported(t *testing.T) {
	lost := errors.New("the database is lost")
	s := &losing{Store: memory.New(), lost: lost, writes: make(chan bool)}
	_, err := store.Rebuild(t.Context(), s, folderAt(newFolder(t, 200).path), store.Options{})
	assert.ErrorIs(t, err, lost, "Rebuild")
}

// losing is a store whose lookups fail once something is written.
type losing struct {
	store.Store
	lost   error
	looked int
	writes chan bool // closed by a write
}

func (l *losing) Checkpoints(ctx context.Context, runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	if l.looked++; l.looked == 1 { // of the first runs, which are then written
		return l.Store.Checkpoints(ctx, runs)
	}
	select {
	case <-l.writes:
		return nil, l.lost
	case <-time.After(10 * time.Second):
		return nil, errors.New("nothing is written")
	}
}

func (l *losing) Update(ctx context.Context, _ func(store.Tx) error) error {
	close(l.writes)
	<-ctx.Done()
	return ctx.Err()
}
