package faults

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
)

func TestServerStopsDuringIngest(t *testing.T) {
	eachStop(t, func(t *testing.T, r *restart, w *work) {
		s := newStream(t.TempDir(), "large")
		s.becomes(t, newVersion(s.run, synthetic(t, large(0))))
		r.takes = measure(t, s.path, "--to", postgresAt(r.server.NewDatabase(t)).address)
		w.ingest(t)
	})
}

func TestServerStopsDuringRebuild(t *testing.T) {
	eachStop(t, func(t *testing.T, r *restart, w *work) {
		r.takes = measure(t, "rebuild", newFolder(t, 200).path, "--to", postgresAt(r.server.NewDatabase(t)).address)
		w.rebuild(t)
	})
}

// eachStop does something with each way to stop a server.
func eachStop(t *testing.T, do func(*testing.T, *restart, *work)) {
	for _, stop := range []struct {
		name    string
		stop    func(*pgtest.Server, testing.TB)
		forgets bool
	}{
		{"fast", (*pgtest.Server).Stop, false},
		{"immediate", (*pgtest.Server).Kill, true},
	} {
		t.Run(stop.name, func(t *testing.T) {
			r := &restart{server: pgtest.New(t), stop: stop.stop, forgets: stop.forgets, rnd: random(t)}
			r.address = r.server.NewDatabase(t)
			w := newWork(t, postgresAt(r.address), r.rnd, r, times(5))
			w.reader.keep = true // somebody who has the store open all the time
			do(t, r, w)
		})
	}
}

// restart is that the server is stopped, at any moment of the time that the
// program takes, and started again.
type restart struct {
	server *pgtest.Server
	stop   func(*pgtest.Server, testing.TB)
	// forgets says that what was committed last may be lost, each
	// transaction as a whole: commits do not wait for the disk.
	forgets bool
	address string
	rnd     *rand.Rand
	takes   time.Duration
}

func (r *restart) strike(t testing.TB, args ...string) (completed bool) {
	t.Helper()
	c := start(t, args...)
	time.Sleep(time.Duration(r.rnd.Int64N(int64(r.takes))))
	r.stop(r.server, t)
	e := c.wait(t)
	r.server.Start(t)
	if e.status != 0 {
		e.fails(t)
		if !strings.Contains(e.stderr, "the same command again completes the work") && !strings.Contains(e.stderr, "check the address, and that the server is running") {
			t.Errorf("%q does not say what to do: %s", e.args, e.stderr)
		}
	}
	return e.status == 0 && !r.forgets
}

// clear sees to it that the next crash does not undo what there is now.
func (r *restart) clear(t testing.TB) { execute(t, r.address, "CHECKPOINT") }
