package postgres_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// A store works behind a pooler that assigns connections per transaction: every query can
// meet a connection on which the same or another query ran before.
func TestStoreBehindPooler(t *testing.T) {
	server := pgtest.Shared(t)
	direct := server.NewDatabase(t)
	address := server.Bounced(t, direct, 3)
	folder, read := filepath.Join("..", "..", "fixtures"), jsonl.Options{}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for range 3 {
				s := open(t, address)
				_, err := store.Rebuild(ctx, s, jsonl.Streams{Paths: []string{folder}, Options: read}, store.Options{Force: true})
				assert.NoError(t, err)
			}
		})
	}
	all.Wait()
	for _, at := range []string{address, direct} {
		runs := 0
		err := store.Verify(ctx, open(t, at), jsonl.Streams{Paths: []string{folder}, Options: read}, store.VerifyOptions{Done: func(v store.Verified) {
			runs++
			assert.NoError(t, v.Err, v.RunID)
			assert.LessOrEqual(t, v.Differences, 0, v.RunID)
		}})
		assert.NoError(t, err)
		assert.GreaterOrEqual(t, runs, 5)
	}
}

// Several programs can make a store at the same time, with fewer connections than
// programs.
func TestMadeAtOnceBehindPooler(t *testing.T) {
	server := pgtest.Shared(t)
	address := server.Bounced(t, server.NewDatabase(t), 3)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			s, err := postgres.Open(ctx, address)
			if err != nil {
				t.Error(err)
				return
			}
			run := domain.RunID(fmt.Sprint("run ", i))
			assert.NoError(t, errors.Join(s.Update(ctx, func(tx store.Tx) error { return replace(tx, run) }), s.Close()))
		})
	}
	all.Wait()
	if runs, err := open(t, address).RunIDs(ctx, "", 10); err != nil || len(runs) != 8 || !slices.IsSorted(runs) {
		t.Errorf("%q, %v", runs, err)
	}
}
