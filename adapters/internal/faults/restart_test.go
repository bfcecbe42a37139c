//go:build unix

package faults

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/projections/store"
)

// The server is stopped while programs work, and started again.
func TestServerStops(t *testing.T) {
	server := pgtest.New(t)
	for _, how := range []restart{
		{name: "in an orderly way", stop: server.Stop},
		{name: "at once", stop: server.Kill, forgets: true},
	} {
		how.server, how.rnd = server, random(t)
		t.Run(how.name+" during an ingest", func(t *testing.T) {
			s := newStream(t.TempDir(), "large")
			s.becomes(t, newVersion(s.run, synthetic(t, large(0))))
			how.work(t, s.path).ingest(t)
		})
		t.Run(how.name+" during a rebuild", func(t *testing.T) {
			how.work(t, "rebuild", newFolder(t, killedRuns).path).rebuild(t, killedRuns)
		})
		t.Run(how.name+" under an open store", func(t *testing.T) {
			stopsUnderOpenStore(t, &how)
		})
	}
}

// work returns work that faults happen to, while a reader keeps the store open. command
// does similar work, whose duration is measured.
func (r restart) work(t testing.TB, command ...string) *work {
	t.Helper()
	r.takes = measure(t, append(command, "--to", r.server.NewDatabase(t))...)
	r.db = postgresAt(r.server.NewDatabase(t))
	w := newWork(r.db, r.rnd, &r, times(3))
	w.reader.keep = true
	return w
}

// restart is a fault: the server is stopped at a random moment, and started again.
type restart struct {
	name   string
	server *pgtest.Server
	stop   func(testing.TB)
	// forgets is set if the last transactions may be lost, because commits do not wait for
	// the disk.
	forgets bool
	db      database
	rnd     *rand.Rand
	takes   time.Duration
}

func (r *restart) strike(t testing.TB, args ...string) (completed bool) {
	t.Helper()
	execute(t, connect(t, r.db), "CHECKPOINT") // so that only new rows can be lost
	c := start(t, args...)
	time.Sleep(time.Duration(r.rnd.Int64N(int64(r.takes))))
	r.stop(t)
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

func (r *restart) clear(testing.TB) {}

// stopsUnderOpenStore uses a store from many goroutines. Their errors say that the server is
// gone, and they work again when it is back.
func stopsUnderOpenStore(t *testing.T, r *restart) {
	f, db := newFolder(t, killedRuns), postgresAt(r.server.NewDatabase(t))
	run(t, "rebuild", f.path, "--to", db.address).succeeds(t)
	execute(t, connect(t, db), "CHECKPOINT") // so that these rows are not lost
	opened := db.open(t)
	rebuild := func() error {
		_, err := store.Rebuild(t.Context(), opened, folderAt(f.path), store.Options{Force: true})
		return err
	}
	read := func() error {
		_, err := store.ReadRecord(t.Context(), opened, f.streams[0].run)
		return err
	}
	users := []func() error{rebuild, read, read, read}
	f.change(t, r.rnd)
	ended := make(chan error, len(users))
	for _, use := range users {
		go func() {
			var err error
			for err == nil {
				err = use()
			}
			ended <- err
		}()
	}
	time.Sleep(time.Duration(r.rnd.Int64N(int64(100 * time.Millisecond))))
	r.stop(t)
	for range users {
		if err := <-ended; !strings.Contains(err.Error(), "connection to the database is lost") && !strings.Contains(err.Error(), "failed to connect") {
			t.Errorf("without a server: %v", err)
		}
	}
	r.server.Start(t)
	assert.NoError(t, together(users), "with the server back")
	verified(t, f.path, db)
}
