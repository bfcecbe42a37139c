package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// A store of the first release keeps its rows, and reports them as outdated. The file is
// the .dump of a store with two runs; one is still active.
func TestFirstRelease(t *testing.T) {
	dump, err := os.ReadFile("testdata/first_release.sql")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "quire.db")
	execute(t, path, string(dump))
	counts := `SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM jobs), (SELECT count(*) FROM sh_events), (SELECT count(*) FROM timings), (SELECT count(*) FROM diagnostics)`
	sums := func() (got [5]int) {
		db := other(t, path)
		defer db.Close()
		require.NoError(t, db.QueryRow(counts).Scan(&got[0], &got[1], &got[2], &got[3], &got[4]))
		return got
	}
	before := sums()
	for range 2 { // the second time there is nothing left to be done
		s := open(t, path)
		if after := sums(); after != before || after[0] != 2 || after[2] == 0 {
			t.Fatalf("%v rows became %v", before, after)
		}
		versions, err := s.Versions(t.Context())
		assert.NoError(t, err, "Versions")
		assert.Equal(t, map[string]int{"runs": 1, "jobs": 1, "sh_events": 1, "timings.jobs": 1, "diagnostics": 1, "labels": 0}, versions)
		assert.ErrorIs(t, store.CheckVersions(t.Context(), s), store.ErrOtherVersion)
		outdated, err := s.Outdated(t.Context(), "", 10)
		assert.NoError(t, err, "Outdated")
		assert.Len(t, outdated, 2, "Outdated")
		for run, final := range map[domain.RunID]bool{"cobra-failing": true, "open": false} {
			for _, of := range []*projections.Definition{projections.Jobs.Definition, projections.ShEvents.Definition, projections.JobTimings.Definition} {
				err := s.View(t.Context(), run, func(snapshot store.Snapshot) error {
					n := 0
					for row, err := range snapshot.Rows(of) {
						if err != nil {
							return err
						}
						if row.Index != n || row.Final != final {
							t.Errorf("%s of %s: row %d has the index %d and is final: %v", of.Table, run, n, row.Index, row.Final)
						}
						n++
					}
					assert.NotEqual(t, 0, n, "%s of %s: no rows", of.Table, run)
					return nil
				})
				require.NoError(t, err)
			}
		}
		assert.NotEqual(t, "0", query(t, path, `SELECT count(*) FROM sh_timings WHERE duration_ms IS NOT NULL`), "the view sh_timings has no durations")
		assert.Equal(t, "0", query(t, path, `SELECT count(*) FROM sqlite_schema WHERE name LIKE 'quire_project_first%'`), "tables of the first release are left")
	}
}
