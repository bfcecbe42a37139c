package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
)

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
