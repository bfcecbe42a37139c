package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/kept"
	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// growing writes to the store just before each switch to other rows.
type growing struct {
	*postgres.Store
	grow func()
}

func (g growing) Switch(ctx context.Context, number int, keep bool, last func(store.Beside) error) error {
	g.grow()
	return g.Store.Switch(ctx, number, keep, last)
}

// A transaction that writes rows, and that of a switch, read the streams that the store keeps, though
// the pool has no other connection.
func TestKeptStreamsInPoolOfOne(t *testing.T) {
	address := as(t, pgtest.Shared(t).NewDatabase(t), "pool_max_conns", "1")
	old := open(t, address, postgres.KeepStreams(), postgres.Projections(addedSet(t, mine[older](1, "key"))))
	var stream bytes.Buffer
	at := jsonl.Locate(filepath.Join(t.TempDir(), "a.jsonl"))
	grow := func(events int) {
		for range events {
			n := stream.Len()
			fmt.Fprintf(&stream, `{"at_ms":%d,"type":"job_started","job_id":"job %d"}`+"\n", n, n)
		}
		require.NoError(t, os.WriteFile(at.Path, stream.Bytes(), 0o666))
		_, err := store.Ingest(ctx, old, at.Source(jsonl.Options{}), store.Options{})
		require.NoError(t, err)
	}
	grow(50_000)

	s := open(t, address, postgres.Projections(addedSet(t, mine[newer](2, "key"))))
	own, err := kept.Own(ctx, s, jsonl.Streams{})
	require.NoError(t, err)
	_, err = store.Build(ctx, s, own, store.Options{})
	require.NoError(t, err)
	grow(1)
	grown := false
	err = store.Switch(ctx, growing{s, func() {
		if !grown {
			grow(10)
		}
		grown = true
	}}, own, false)
	require.NoError(t, err)
	assert.True(t, grown)
	known, err := s.Checkpoints(ctx, []domain.RunID{"a"})
	require.NoError(t, err)
	assert.EqualValues(t, stream.Len(), known["a"].Bytes)
}
