package postgres_test

import (
	"testing"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// A run that is not stored yet, of which there is no row to lock, is locked
// all the same, and by stores of other processes, too.
func TestLockOfNewRun(t *testing.T) {
	address := pgtest.Shared(t).NewDatabase(t)
	s, other := open(t, address), open(t, address)
	written := make(chan struct{})
	err := s.Update(ctx, func(tx store.Tx) error {
		if _, err := tx.Lock([]domain.RunID{"b", "new"}); err != nil {
			return err
		}
		go func() {
			defer close(written)
			put(t, other, "new", "a")
		}()
		await(t, address)
		return tx.SetCheckpoint("new", checkpoint)
	})
	if err != nil {
		t.Fatal(err)
	}
	<-written
	expect(t, other, "new", "a")
}
