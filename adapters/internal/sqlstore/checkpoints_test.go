package sqlstore_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/domain"
)

const insertCheckpoint = `INSERT INTO checkpoints VALUES (?, 1, 2, 3, ?, 4, 5, '', 'reading', 'source', 'now', '', 'jobs@1')`

// Checkpoints finds exactly those of the runs, even if there are too many for one query.
func TestManyCheckpoints(t *testing.T) {
	db := openSQLite(t)
	var ask []domain.RunID
	for i := range 1_234 {
		run := fmt.Sprintf("run-%d", i)
		_, err := db.Exec(insertCheckpoint, run, "")
		require.NoError(t, err)
		if i%2 == 0 {
			ask = append(ask, domain.RunID(run))
		}
	}
	ask = append(ask, "none")
	for n := range 3 {
		got, err := (&sqlstore.Dialect{}).Checkpoints(t.Context(), db, ask[:n])
		require.NoError(t, err)
		require.Len(t, got, n)
	}
	got, err := (&sqlstore.Dialect{}).Checkpoints(t.Context(), db, ask)
	require.NoError(t, err)
	require.Len(t, got, len(ask)-1)
	if c := got[ask[600]]; c.Bytes != 1 || c.Lines != 2 || c.Events != 3 || c.End.Bytes != 4 || c.End.Lines != 5 ||
		c.Projections != "jobs@1" || c.ReadOptions != "reading" || c.Source != "source" {
		t.Errorf("checkpoint %+v", c)
	}
}

// A digest that is not valid becomes the digest of no stream.
func TestSpoiltDigest(t *testing.T) {
	db := openSQLite(t)
	whole := strings.Repeat("ab", 32)
	for run, digest := range map[string]string{"whole": whole, "short": whole[2:], "long": whole + "ab", "odd": whole[1:], "none": "not hexadecimal"} {
		if _, err := db.Exec(insertCheckpoint, run, digest); err != nil {
			t.Fatal(err)
		}
		got, err := (&sqlstore.Dialect{}).Checkpoints(t.Context(), db, []domain.RunID{domain.RunID(run)})
		require.NoError(t, err)
		assert.NotEqual(t, (run == "whole"), (got[domain.RunID(run)].SHA256 == [32]byte{}), run)
	}
}
