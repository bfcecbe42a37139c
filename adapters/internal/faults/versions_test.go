//go:build unix

package faults

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/fixtures/synth"
)

// versionKills is how often a program is killed in each kind of change.
const versionKills = 2

// change is a kind of work on new rows beside the current ones.
type change struct {
	name string
	args []string
	// prepare makes the work necessary.
	prepare func(*versions)
	// once is set if the work fails once the killed program has completed it.
	once bool
}

// versions is a store in which rows of another version are built and switched to.
type versions struct {
	t       *testing.T
	db      database
	f       *folder
	control *sql.Conn // nil until it is needed
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

func (v *versions) agesKept() {
	v.run(v.f.path, "--keep-streams", "--force").succeeds(v.t)
	v.ages()
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
		{"build from kept streams", nil, (*versions).agesKept, false}, // must be the last one, because the store keeps streams from then on
	}
}

// A program is killed at any moment of a change. The rows of each run are always those of its
// stream, the same command completes the work, and no other rows are left.
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
	w := newWork(v.db, k.rnd, k, times(versionKills))
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
	v.t.Logf("%d of %d times, the work was completed nevertheless", w.completed, w.often)
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

// keptRuns are more runs than one transaction prunes.
const keptRuns = 300

// keeper is a store that keeps the streams of a folder of so many runs.
func keeper(t *testing.T, db database) (folder string) {
	folder = t.TempDir()
	require.NoError(t, synth.Shape{Jobs: 2, Sh: 3}.WriteFolder(folder, keptRuns))
	run(t, folder, "--to", db.address, "--keep-streams").succeeds(t)
	return folder
}

// A program is killed while it removes old runs. Each run is then either whole, with its stream, or
// gone, and the same command removes the others.
func TestKilledPrune(t *testing.T) {
	eachKind(t, func(t *testing.T, fresh func() database) {
		db := fresh()
		folder, control := keeper(t, db), connect(t, db)
		for _, c := range []struct {
			left string
			args []string
		}{{"10", []string{"--keep", "10"}}, {"0", []string{"--older-than", "1h"}}} {
			args := append([]string{"prune", "--to", db.address}, c.args...)
			k := &kill{rnd: random(t), takes: measure(t, args...)}
			w := newWork(db, k.rnd, k, times(versionKills))
			for range w.often {
				run(t, folder, "--to", db.address).succeeds(t)
				w.strike(t, args)
				verified(t, db.address, db)
				for _, table := range []string{"quire_project_streams", "quire_project_pieces", "runs", "jobs"} {
					require.Equal(t, "0", ask(t, control, `SELECT count(*) FROM `+table+` WHERE run_id NOT IN (SELECT run_id FROM checkpoints)`), table)
				}
				run(t, args...).succeeds(t)
				require.Equal(t, c.left, ask(t, control, `SELECT count(*) FROM runs`))
			}
			w.reader.close()
			t.Logf("%v: %d of %d times, the work was completed nevertheless", c.args, w.completed, w.often)
		}
	})
}

// A program is killed while it exports streams. Each file is a whole stream, and exporting again
// completes the folder.
func TestKilledExport(t *testing.T) {
	eachKind(t, func(t *testing.T, fresh func() database) {
		db := fresh()
		folder := keeper(t, db)
		export := func(to string) []string { return []string{"export", db.address, "-o", to} }
		k := &kill{rnd: random(t), takes: measure(t, export(t.TempDir())...)}
		w := newWork(db, k.rnd, k, times(versionKills))
		for range w.often {
			to := t.TempDir()
			w.strike(t, export(to))
			exported(t, folder, to)
			run(t, export(to)...).succeeds(t)
			require.Equal(t, keptRuns, exported(t, folder, to))
			left, err := filepath.Glob(filepath.Join(to, "*.part"))
			require.NoError(t, err)
			require.Empty(t, left)
		}
		w.reader.close()
		t.Logf("%d of %d times, the work was completed nevertheless", w.completed, w.often)
	})
}

// exported compares the streams of two folders, and counts them.
func exported(t *testing.T, from, to string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(to, "*.jsonl"))
	require.NoError(t, err)
	for _, file := range files {
		want, err := os.ReadFile(filepath.Join(from, filepath.Base(file)))
		require.NoError(t, err)
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
	}
	return len(files)
}
