//go:build unix

package faults

import (
	"testing"

	"github.com/quire-ci/quire-project/fixtures/synth"
)

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
