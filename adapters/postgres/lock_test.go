package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// The server ends a transaction with a deadline, in case its program has disappeared.
func TestTransactionOfAProgramThatIsGone(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	gone, other := open(t, address), open(t, address)
	short, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	err := gone.Update(short, func(tx store.Tx) error {
		if _, err := tx.Lock([]domain.RunID{"a"}); err != nil {
			return err
		}
		put(t, other, "a") // though this one never ends it
		return tx.SetCheckpoint("a", checkpoint)
	})
	assert.Error(t, err, "the transaction of the program that is gone is committed")
	expect(t, other, "a")
}

// A locked run does not keep a projector from writing other runs.
func TestProjectorOfALockedRun(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	s, other := open(t, address), open(t, address)
	p := store.NewProjector(s, jsonl.NewSegments(jsonl.Options{}), store.ProjectorOptions{Timeout: 2 * time.Second})
	defer p.Close(ctx)
	apply := func(run domain.RunID) error {
		return p.Apply(ctx, domain.Segment{Run: run, Data: []byte(`{"at_ms":1,"type":"job_started","job_id":"a"}` + "\n")})
	}
	err := other.Update(ctx, func(tx store.Tx) error {
		if _, err := tx.Lock([]domain.RunID{"locked"}); err != nil {
			return err
		}
		var all sync.WaitGroup
		for _, run := range []domain.RunID{"a", "locked", "z"} {
			all.Go(func() {
				if err := apply(run); store.IsAway(err) != (run == "locked") || err != nil && run != "locked" {
					t.Errorf("%s: %v", run, err)
				}
			})
		}
		all.Wait()
		return nil
	})
	assert.NoError(t, errors.Join(err, apply("locked")))
}
