package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The tables that a generation has whatever its projections are, and that are made with it, have the
// columns of those that migrations have made.
func TestTablesOfGenerations(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	next, err := open(t, path).Next(t.Context())
	require.NoError(t, err)
	for _, table := range []string{"checkpoints", "quire_project_projections"} {
		columns := func(table string) string {
			return query(t, path, `SELECT format('%s %s %d %s %d', c.name, c.type, c."notnull", c.dflt_value, c.pk) FROM pragma_table_xinfo(?1) AS c ORDER BY c.name`, table) +
				query(t, path, `SELECT format('%d %d', wr, strict) FROM pragma_table_list(?1)`, table)
		}
		require.Equal(t, columns(table), columns(fmt.Sprintf("quire_project_g%d_%s", next.Number(), table)), table)
	}
}
