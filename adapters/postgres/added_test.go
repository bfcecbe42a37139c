package postgres_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

func addedSet(t testing.TB, added ...projections.AnyDefinition) *projections.Set {
	t.Helper()
	set, err := projections.NewSet(added...)
	require.NoError(t, err)
	return set
}

// incompressible returns n bytes that an index cannot compress.
func incompressible(n int) string {
	random := rand.New(rand.NewPCG(1, 2))
	var s strings.Builder
	for s.Len() < n {
		s.WriteByte(byte('!' + random.IntN(90)))
	}
	return s.String()
}

// All indexes can hold the longest ids of runs. Ids of jobs have no limit.
func TestLongestKeys(t *testing.T) {
	s := open(t, pgtest.Shared(t).NewDatabase(t))
	plain := incompressible(512)
	run := []byte(plain)
	for at := range run {
		if at%3 != 0 {
			run[at] = 0
		}
	}
	long := incompressible(3 << 20)
	for _, run := range []domain.RunID{
		domain.RunID(plain), domain.RunID(run), domain.RunID(strings.Repeat("\x00", 512)),
		domain.RunID(strings.Repeat("\x01", 150) + plain[:362]),
	} {
		rows := rowsOf(run)
		rows.Tables[2] = store.RowsOf(projections.Jobs,
			projections.Row[projections.Job]{Index: 0, Value: projections.Job{JobID: long + "a"}}, projections.Row[projections.Job]{Index: 1, Value: projections.Job{JobID: long + "b"}})
		err := s.Update(ctx, func(tx store.Tx) error { return errors.Join(tx.Insert(rows), tx.SetCheckpoint(run, checkpoint)) })
		if err == nil {
			err = s.View(ctx, run, func(snapshot store.Snapshot) error { return sameRows(snapshot, rows) })
		}
		assert.NoError(t, err, "run %.9q", run)
	}
}
