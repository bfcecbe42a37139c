package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// The server ends a transaction with a deadline, in case its program has disappeared.
func TestTransactionOfAProgramThatIsGone(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	gone, other := open(t, address), open(t, address)
	for limit := 500 * time.Millisecond; ; limit *= 2 {
		short, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		locked := false
		err := gone.Update(short, func(tx store.Tx) error {
			if _, err := tx.Lock([]domain.RunID{"a"}); err != nil {
				return err // the machine is too slow for this limit
			}
			locked = true
			put(t, other, "a") // though this one never ends it
			return tx.SetCheckpoint("a", checkpoint)
		})
		assert.Error(t, err, "the transaction of the program that is gone is committed")
		if locked {
			break
		}
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	expect(t, other, "a")
}

// A locked run does not keep a projector from writing other runs.
func TestProjectorOfALockedRun(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	s, other := open(t, address), open(t, address)
	var failed error
	for _, timeout := range []time.Duration{time.Second, 10 * time.Second, time.Minute} { // a busy machine may need more
		if failed = besideLocked(s, other, timeout); failed == nil {
			return
		}
	}
	t.Error(failed)
}

// besideLocked has a projector write runs while another program has locked one of them.
func besideLocked(s, other store.Store, timeout time.Duration) error {
	p := store.NewProjector(s, jsonl.NewSegments(jsonl.Options{}), store.ProjectorOptions{Timeout: timeout})
	defer p.Close(ctx)
	apply := func(run domain.RunID) error {
		return p.Apply(ctx, domain.Segment{Run: run + domain.RunID(timeout.String()), Data: []byte(`{"at_ms":1,"type":"job_started","job_id":"a"}` + "\n")})
	}
	runs := []domain.RunID{"a", "locked", "z"}
	errs := make([]error, len(runs))
	err := other.Update(ctx, func(tx store.Tx) error {
		if _, err := tx.Lock([]domain.RunID{"locked" + domain.RunID(timeout.String())}); err != nil {
			return err
		}
		var all sync.WaitGroup
		for i, run := range runs {
			all.Go(func() { errs[i] = apply(run) })
		}
		all.Wait()
		return nil
	})
	if !store.IsAway(errs[1]) {
		return fmt.Errorf("the locked run: %w", errs[1])
	}
	return errors.Join(err, errs[0], errs[2], apply("locked"))
}
