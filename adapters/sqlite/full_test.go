package sqlite_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// An update of a full database fails with ErrFull and changes nothing; with room, the same
// update succeeds.
func TestFull(t *testing.T) {
	db := other(t, filepath.Join(t.TempDir(), "own.db"))
	s := adopt(t, db)
	require.NoError(t, s.Update(t.Context(), insertRun("a")))
	large := commands("b", 5_000, "a secret "+strings.Repeat("x", 1000))
	update := func() error {
		return s.Update(t.Context(), func(tx store.Tx) error {
			return errors.Join(insertRun("a")(tx), tx.Insert(large))
		})
	}
	if _, err := db.Exec("PRAGMA max_page_count = 200"); err != nil {
		t.Fatal(err)
	}
	err := update()
	if !errors.Is(err, store.ErrFull) || strings.Contains(err.Error(), "secret") {
		t.Errorf("Update: %v", err)
	}
	if runs, err := s.RunIDs(t.Context(), "", 10); err != nil || len(runs) != 1 {
		t.Errorf("RunIDs = %q, %v", runs, err)
	}
	_, err = db.Exec("PRAGMA max_page_count = 1000000")
	require.NoError(t, err)
	assert.NoError(t, update(), "Update, with room")
}

// Rows that exist already are an error that does not quote them, even if a later Insert
// reports it. Nothing of the transaction stays.
func TestRowsThatAreThere(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "quire.db"))
	require.NoError(t, s.Update(t.Context(), insertRun("a")))
	for _, fillers := range []int{0, 300, 5_000} {
		err := s.Update(t.Context(), func(tx store.Tx) error {
			if err := errors.Join(tx.Insert(aRun("b")), tx.Insert(aRun("a"))); err != nil {
				return err
			}
			tx.Insert(commands("c", fillers, "a secret")) // an error that is not heeded is met again
			return nil
		})
		if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "insert rows") {
			t.Errorf("%d fillers: Update: %v", fillers, err)
		}
		if runs, err := s.RunIDs(t.Context(), "", 10); err != nil || len(runs) != 1 || runs[0] != "a" {
			t.Errorf("%d fillers: RunIDs = %q, %v", fillers, runs, err)
		}
	}
	assert.NoError(t, s.Update(t.Context(), insertRun("b")), "Update, after one that failed")
}

// Your own connection may run triggers for replaced rows, too.
func TestReplacedRowsKeepTheirCheckpoint(t *testing.T) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "own.db")+"?_pragma=recursive_triggers(1)")
	require.NoError(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	s, err := sqlite.New(t.Context(), db)
	require.NoError(t, err)
	lost := 0
	for i := range 20 {
		err := s.Update(t.Context(), func(tx store.Tx) error {
			rows := store.RowsOf(projections.Jobs, projections.Row[projections.Job]{Value: projections.Job{JobID: "a", State: projections.Active}})
			rows.Stored = min(i, 1)
			if err := tx.Insert(&store.Rows{RunID: "r", Continued: i > 0, Tables: []store.TableRows{rows}}); err != nil {
				return err
			}
			return tx.SetCheckpoint("r", store.Checkpoint{Events: int64(i)})
		})
		require.NoError(t, err)
		found, err := s.Checkpoints(t.Context(), []domain.RunID{"r"})
		require.NoError(t, err)
		if len(found) == 0 {
			lost++
		}
	}
	assert.LessOrEqual(t, lost, 0)
}

// Changing or deleting a row by hand deletes the checkpoint of its run, and no other one.
func TestTampering(t *testing.T) {
	for statement, want := range map[string]string{
		`UPDATE runs SET jobs = 7 WHERE run_id = 'a'`:                          "b c",
		`UPDATE jobs SET state = 'failed' WHERE run_id = 'a'`:                  "b c",
		`UPDATE sh_events SET exit_code = 0 WHERE run_id = 'a'`:                "b c",
		`UPDATE timings SET gap_ms = 0 WHERE run_id = 'a'`:                     "b c",
		`UPDATE diagnostics SET line = 9 WHERE run_id = 'a'`:                   "b c",
		`DELETE FROM runs WHERE run_id = 'b'`:                                  "a c",
		`DELETE FROM jobs WHERE run_id = 'b'`:                                  "a c",
		`DELETE FROM sh_events WHERE run_id = 'b'`:                             "a c",
		`DELETE FROM timings WHERE run_id = 'b'`:                               "a c",
		`DELETE FROM diagnostics WHERE run_id = 'b'`:                           "a c",
		`UPDATE jobs SET run_id = 'd' WHERE run_id = 'a'`:                      "b c",
		`UPDATE jobs SET run_id = 'b', job_id = 'x' WHERE run_id = 'a'`:        "c",
		`DELETE FROM sh_events`:                                                "",
		`UPDATE runs SET jobs = 7 WHERE run_id = 'x'`:                          "a b c",
		`INSERT INTO jobs VALUES ('a', 'x', 'active', NULL, NULL, NULL, 2, 0)`: "a b c",
	} {
		path := filepath.Join(t.TempDir(), "quire.db")
		writeRun(t, path, "a")
		writeRun(t, path, "b")
		writeRun(t, path, "c")
		execute(t, path, statement)
		assert.Equal(t, want, query(t, path, `SELECT run_id FROM checkpoints ORDER BY run_id`), "after %s there are the checkpoints", statement)
	}
}

// updated_at is the time in UTC, for people.
func TestUpdatedAt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quire.db")
	writeRun(t, path, "a")
	const plausible = `SELECT count(*) FROM checkpoints WHERE updated_at GLOB '????-??-??T??:??:??.???Z' AND abs(julianday(updated_at) - julianday('now')) < 1`
	assert.Equal(t, "1", query(t, path, plausible), "updated_at is %s", query(t, path, `SELECT updated_at FROM checkpoints`))
}
