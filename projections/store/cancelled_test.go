package store_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// cancelling is a store that cancels the context of its caller at an insert, or behind a commit.
type cancelling struct {
	*memory.Store
	left   int
	cancel context.CancelFunc
}

func (s *cancelling) count() {
	if s.left--; s.left == 0 {
		s.cancel()
	}
}

func (s *cancelling) Update(ctx context.Context, do func(store.Tx) error) error {
	defer s.count()
	return s.Store.Update(ctx, func(tx store.Tx) error { return do(cancellingTx{tx, s}) })
}

type cancellingTx struct {
	store.Tx
	s *cancelling
}

func (t cancellingTx) Insert(rows *store.Rows) error {
	t.s.count()
	return t.Tx.Insert(rows)
}

// An ingest whose context ends has written each run as a whole or not at all, and those that it
// reports are written. The next ingest completes the work.
func TestIngestIsCancelled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		s := &cancelling{memory.New(), rapid.IntRange(1, 20).Draw(t, "cancelled at"), cancel}
		var all folder
		for i := range rapid.IntRange(1, 8).Draw(t, "runs") {
			all.files = append(all.files, file{domain.RunID(fmt.Sprint(i)), streamOf(t, "stream")})
		}
		options, reported := inBatches(t), 0
		options.Done = func(r store.Result) {
			assert.Equal(t, store.Added, r.Outcome, "%+v", r)
			reported++
		}
		_, err := store.IngestAll(ctx, s, all, options)
		if ctx.Err() == nil {
			require.NoError(t, err)
		} else if err != nil {
			require.ErrorIs(t, err, context.Canceled)
		}
		for i, f := range all.files {
			stored := must(s.Checkpoints(context.Background(), []domain.RunID{f.run}))
			if len(stored) > 0 || i < reported || err == nil {
				isRecordOf(t, s, f)
			}
		}
		options.Done = nil
		require.NoError(t, second(store.IngestAll(context.Background(), s, all, options)))
		for _, f := range all.files {
			isRecordOf(t, s, f)
		}
	})
}
