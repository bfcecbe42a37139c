package sqlstore_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// A row in any table makes a run, once, in the order of the bytes.
func TestRunIDs(t *testing.T) {
	db := openSQLite(t)
	for _, insert := range []string{
		`INSERT INTO checkpoints VALUES ('c', 0, 0, 0, '', 0, 0, '', '', '', '', '', '')`,
		`INSERT INTO runs VALUES ('B', 'active', 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, 0, 1, 0), ('c', 'active', 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, 0, 1, 0)`,
		`INSERT INTO jobs VALUES ('d', 'build', 'active', NULL, NULL, NULL, 1, 0), ('d', 'test', 'active', NULL, NULL, NULL, 2, 0)`,
		`INSERT INTO sh_events VALUES ('é', 'build', 1, '', 0, NULL, NULL, 1, 0)`,
		`INSERT INTO timings VALUES ('a', 'build', NULL, NULL, 0, NULL, NULL, 1, 0)`,
		`INSERT INTO diagnostics VALUES ('b', 'torn_tail', 1, 0, NULL, 1, 1)`,
	} {
		_, err := db.Exec(insert)
		require.NoError(t, err)
	}
	all := []domain.RunID{"B", "a", "b", "c", "d", "é"}
	d := &sqlstore.Dialect{Set: projections.Builtin}
	for limit := 0; limit <= len(all)+1; limit++ {
		if got, err := d.RunIDs(t.Context(), db, "", limit); err != nil || !slices.Equal(got, all[:min(limit, len(all))]) {
			t.Errorf("limit %d: %q, %v", limit, got, err)
		}
	}
	for i, after := range all {
		if got, err := d.RunIDs(t.Context(), db, after, 100); err != nil || !slices.Equal(got, all[i+1:]) {
			t.Errorf("behind %s: %q, %v", after, got, err)
		}
	}
}
