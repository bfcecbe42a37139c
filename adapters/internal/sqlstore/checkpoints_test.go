package sqlstore_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/domain"
)

const insertCheckpoint = `INSERT INTO checkpoints VALUES (?, 1, 2, 3, ?, 4, 5, '', 'reading', 'source', 'now', '', 'jobs@1')`

// A digest that is not valid becomes the digest of no stream.
func TestSpoiltDigest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	s, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer db.Close()
	whole := strings.Repeat("ab", 32)
	for run, digest := range map[string]string{"whole": whole, "short": whole[2:], "long": whole + "ab", "odd": whole[1:], "none": "not hexadecimal"} {
		if _, err := db.Exec(insertCheckpoint, run, digest); err != nil {
			t.Fatal(err)
		}
		got, err := sqlstore.NewReader(&sqlstore.Dialect{}, db).Checkpoints(t.Context(), []domain.RunID{domain.RunID(run)})
		require.NoError(t, err)
		assert.NotEqual(t, (run == "whole"), (got[domain.RunID(run)].SHA256 == [32]byte{}), run)
	}
}
