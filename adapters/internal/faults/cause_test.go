//go:build unix

package faults

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

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
