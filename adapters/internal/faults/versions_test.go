//go:build unix

package faults

import (
	"database/sql"
	"flag"
	"testing"
	"time"
)

// versionKills is how often a program is killed in each kind of work on new rows: a hundred times
// with SQLite and thirty times with PostgreSQL is a drill by hand.
var versionKills = flag.Int("faults.versions", 3, "how often to kill a program in each kind of work on rows of another version")

// change is a kind of work on rows beside those in use.
type change struct {
	name string
	args []string
	// prepare makes sure that there is something to do.
	prepare func(*versions)
	// again reports that the work cannot be done a second time, if the killed program has done it.
	once bool
}

// versions is a store, in which rows of another version are built, and switched to and fro.
type versions struct {
	t       *testing.T
	db      database
	f       *folder
	control *sql.Conn // nil before it is needed
}

func (v *versions) run(args ...string) ended { return run(v.t, v.args(args)...) }

func (v *versions) args(args []string) []string {
	return append(append([]string{"rebuild"}, args...), "--to", v.db.address)
}

// ages makes the rows those of an older version, so that a rebuild builds new ones beside them.
func (v *versions) ages() {
	if v.control == nil {
		v.control = connect(v.t, v.db)
	}
	execute(v.t, v.control, `UPDATE quire_project_projections SET version = 1 WHERE name = 'jobs'`)
}

func (v *versions) builds() { v.run(v.f.path, "--compare").succeeds(v.t) }

func (v *versions) keeps() {
	v.builds()
	v.run(v.f.path, "--switch", "--keep").succeeds(v.t)
}

// strays adds a run that has no stream in the folder.
func (v *versions) strays() {
	run(v.t, v.f.streams[0].path, "--run-id", "stray", "--to", v.db.address).succeeds(v.t)
}

func changes(f *folder) []change {
	return []change{
		{"build", []string{f.path}, (*versions).ages, false},
		{"build and keep", []string{f.path, "--keep"}, (*versions).ages, false},
		{"compare", []string{f.path, "--compare"}, func(*versions) {}, false},
		{"switch", []string{f.path, "--switch", "--keep"}, (*versions).builds, true},
		{"rollback", []string{"--rollback"}, (*versions).keeps, true},
		{"prune", []string{f.path, "--prune"}, func(v *versions) { v.ages(); v.run(v.f.path).succeeds(v.t); v.strays() }, false},
	}
}

// A program is killed at any moment of the work on new rows. Each run is whole and is that of its
// stream, at each moment; the same command completes the work; and nothing is left over.
func TestKilledVersions(t *testing.T) {
	eachKind(t, func(t *testing.T, fresh func() database) {
		v := &versions{t: t, db: fresh(), f: newFolder(t, 12)}
		run(t, "rebuild", v.f.path, "--to", v.db.address).succeeds(t)
		for _, c := range changes(v.f) {
			t.Run(c.name, func(t *testing.T) {
				v := &versions{t: t, db: v.db, f: v.f}
				v.isKilled(c)
			})
		}
		v.run(v.f.path, "--prune").succeeds(t)
		verified(t, v.f.path, v.db)
	})
}

func (v *versions) isKilled(c change) {
	c.prepare(v)
	e := v.run(c.args...)
	e.succeeds(v.t)
	k := &kill{rnd: random(v.t), takes: e.took + time.Millisecond}
	w := newWork(v.db, k.rnd, k, times(*versionKills))
	for range w.often {
		c.prepare(v)
		w.strike(v.t, v.args(c.args))
		for i, s := range v.f.streams {
			w.holds(v.t, s, v.f.now[i], v.f.now[i], true)
		}
		if e := v.run(c.args...); !c.once || e.status != 1 {
			e.succeeds(v.t)
		}
		verified(v.t, v.f.path, v.db)
	}
	w.reader.close()
	v.t.Logf("%d of %d times, the work was completed all the same", w.completed, w.often)
}

// Several programs build and switch at once, while others write.
func TestVersionsByPrograms(t *testing.T) {
	eachKind(t, func(t *testing.T, fresh func() database) {
		v, rnd := &versions{t: t, db: fresh(), f: newFolder(t, 30)}, random(t)
		run(t, "rebuild", v.f.path, "--to", v.db.address).succeeds(t)
		for range times(2) {
			v.ages()
			commands := []*command{start(t, v.args([]string{v.f.path})...), start(t, v.args([]string{v.f.path, "--keep"})...)}
			for _, c := range commands {
				c.wait(t).succeeds(t)
			}
			verified(t, v.f.path, v.db)
			v.f.change(t, rnd)
			v.run(v.f.path).succeeds(t)
		}
	})
}
