package postgres

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
)

// Few rows are held at a time: some hundreds where they are small, less where
// they are large.
func TestCursorHoldsFewRows(t *testing.T) {
	ctx := context.Background()
	s, err := Open(ctx, pgtest.Shared(t).NewDatabase(t))
	require.NoError(t, err)
	defer s.Close()
	for _, test := range []struct {
		name, query string
		fetches     []int
	}{
		{"none", `SELECT 1 WHERE false`, nil},
		{"as many as a fetch has", `SELECT 1 FROM generate_series(1, 64)`, []int{64}},
		{"small", `SELECT 1 FROM generate_series(1, 2000)`, []int{64, 512, 512, 512, 400}},
		{"large", `SELECT repeat('x', 100000) FROM generate_series(1, 150)`, []int{64, 8, 64, 8, 6}},
		{"larger", `SELECT repeat('x', 1000000) FROM generate_series(1, 75)`, []int{64, 8, 1, 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
			require.NoError(t, err)
			defer tx.Rollback()
			rows, err := (&cursors{}).open(ctx, tx, test.query)
			require.NoError(t, err)
			var fetches []int
			for held := 0; rows.Next(); held-- {
				if held == 0 {
					held = len(rows.(*cursor).rows) + 1
					fetches = append(fetches, held)
				}
			}
			assert.NoError(t, rows.Err(), "fetches")
			assert.Equal(t, test.fetches, fetches, "fetches")
		})
	}
}
