//go:build unix

package faults

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/fixtures/synth"
	"github.com/quire-ci/quire-project/projections/store"
)

// A part of the file is overwritten, or its end is missing. The program does not panic,
// and its error says what to do.
func TestDamagedFile(t *testing.T) {
	rnd, f, folder := random(t), newFolder(t, 20), t.TempDir()
	db, file := sqliteIn(folder), filepath.Join(folder, "quire.db")
	rebuild := []string{"rebuild", f.path, "--to", db.address}
	run(t, rebuild...).succeeds(t)
	whole := readFile(t, file)
	for range times(8) {
		damaged := damage(rnd, whole)
		writeFile(t, file, damaged)
		run(t, "verify", f.path, "--to", db.address).survives(t)
		run(t, rebuild...).survives(t)
		writeFile(t, file, damaged)
		if run(t, append(rebuild, "--force")...).survives(t) {
			run(t, "verify", f.path, "--to", db.address).survives(t)
		}
	}
	require.NoError(t, os.Remove(file))
	run(t, rebuild...).succeeds(t)
	verified(t, f.path, db)
}

// survives expects that the program either works with a damaged file, or reports the
// damage. It returns whether the program has completed its work.
func (e ended) survives(t testing.TB) bool {
	t.Helper()
	switch e.status {
	case 0:
		return true
	case 5: // verify has found differences
		return false
	}
	e.fails(t, "remove it and derive its rows again with rebuild")
	return false
}

// A part of the write-ahead log is overwritten, or its end is missing. SQLite keeps only
// whole transactions of it.
func TestDamagedLog(t *testing.T) {
	rnd, s, origin := random(t), newStream(t.TempDir(), "run"), t.TempDir()
	db := sqliteIn(origin)
	writeBefore(t, db, s)
	opened := db.open(t)
	s.becomes(t, after(t, s))
	_, err := store.Ingest(t.Context(), opened, s.recording(), store.Options{})
	require.NoError(t, err)
	log := readFile(t, filepath.Join(origin, "quire.db-wal"))
	for range times(15) {
		folder := t.TempDir()
		require.NoError(t, os.CopyFS(folder, os.DirFS(origin)))
		writeFile(t, filepath.Join(folder, "quire.db-wal"), damage(rnd, log))
		db := sqliteIn(folder)
		if record := readRecord(t, db.open(t), s.run); !before(t, s).is(record) && !after(t, s).is(record) {
			t.Errorf("the rows are neither the old nor the new ones: %v", runOf(record))
		}
		run(t, s.path, "--to", db.address).succeeds(t)
		verified(t, s.path, db)
	}
}

// damage returns a file with a part overwritten, or without its end.
func damage(rnd *rand.Rand, whole []byte) []byte {
	damaged := bytes.Clone(whole)
	at := rnd.IntN(len(whole))
	if rnd.IntN(5) == 0 {
		return damaged[:at]
	}
	end := min(len(whole), at+1<<rnd.IntN(16))
	for i := range damaged[at:end] {
		damaged[at+i] = byte(rnd.Uint32())
	}
	return damaged
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, data, 0o644))
}

// Somebody has inserted a row of a job that comes later. The program writes nothing beside
// it, and its error says how to continue.
func TestRowInTheWay(t *testing.T) {
	eachKind(t, func(t *testing.T, fresh func() database) {
		db, s := fresh(), newStream(t.TempDir(), "run")
		whole := synthetic(t, synth.Shape{Jobs: 20, Sh: 60})
		s.becomes(t, newVersion(s.run, wholeLines(whole[:len(whole)/2])))
		run(t, s.path, "--to", db.address).succeeds(t)
		execute(t, connect(t, db), `INSERT INTO jobs (run_id, job_id, state, position, final) VALUES ('run', 'job-19', 'complete', 100, true)`)
		s.becomes(t, newVersion(s.run, whole))
		for _, command := range [][]string{{s.path}, {"rebuild", s.path}} {
			run(t, append(command, "--to", db.address)...).fails(t, "there are rows that this program has not written; rebuild --force replaces them")
		}
		run(t, "rebuild", s.path, "--to", db.address, "--force").succeeds(t)
		verified(t, s.path, db)
	})
}
