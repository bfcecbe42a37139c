//go:build unix

package faults

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
)

// The server stops and starts again while runs are followed into it. No row is missing, of
// running and of ended runs.
func TestFollowWhileServerStops(t *testing.T) {
	server := pgtest.New(t)
	for _, how := range []struct {
		name string
		stop func(testing.TB)
	}{{"in an orderly way", server.Stop}, {"at once", server.Kill}} {
		t.Run(how.name, func(t *testing.T) {
			f := newFollowing(t, postgresAt(server.NewDatabase(t)), 10)
			f.grow(t, times(3), func() {
				how.stop(t)
				f.growSome(t)
				server.Start(t)
			})
			f.whole(t)
			f.settles(t)
			how.stop(t) // no more events come that could reveal a gap
			server.Start(t)
			f.settles(t)
			f.stops(t)
		})
	}
}

// follow is killed while runs grow, and started again.
func TestKilledFollow(t *testing.T) {
	eachKind(t, func(t *testing.T, fresh func() database) {
		f := newFollowing(t, fresh(), 20)
		f.grow(t, times(kills), func() {
			f.killAfter(t, 0)
			f.growSome(t)
			f.follow(t)
		})
		f.whole(t)
		f.settles(t)
		f.stops(t)
	})
}

// following is a folder of growing runs that the program follows.
type following struct {
	*growth
	*command
	db   database
	rnd  *rand.Rand
	part float64 // of each stream that is written
}

func newFollowing(t testing.TB, db database, runs int) *following {
	t.Helper()
	f := &following{growth: newGrowth(t, runs), db: db, rnd: random(t)}
	f.follow(t)
	f.reach(t, 0, f.rnd)
	eventually(t, "the first rows are there", func() bool { // follow ends if it cannot open the store
		s := f.db.openIfThere(t)
		if s == nil {
			return false
		}
		defer s.Close()
		runs, err := s.RunIDs(t.Context(), "", 1)
		return err == nil && len(runs) > 0
	})
	return f
}

func (f *following) follow(t testing.TB) {
	t.Helper()
	f.command = start(t, "follow", f.path, "--to", f.db.address, "--quiet")
}

// grow lets the streams grow, and calls strike in between at random moments.
func (f *following) grow(t testing.TB, strikes int, strike func()) {
	t.Helper()
	step := 0.9 / float64(2*strikes)
	for i := range strikes {
		f.part = float64(2*i) * step
		f.reach(t, f.part, f.rnd)
		time.Sleep(time.Duration(f.rnd.Int64N(int64(300 * time.Millisecond))))
		f.part += step
		strike()
	}
}

// growSome lets the streams grow during a strike.
func (f *following) growSome(t testing.TB) {
	t.Helper()
	f.reach(t, f.part, f.rnd)
}

// settles waits until the rows are those of the streams.
func (f *following) settles(t testing.TB) {
	t.Helper()
	var last ended
	eventually(t, "the rows are those of the streams", func() bool {
		last = run(t, "verify", f.path, "--to", f.db.address)
		return last.status == 0
	})
	require.False(t, t.Failed(), fmt.Sprint(last.stdout, last.stderr, "\n--- follow:\n", f.stderr.String()))
}

// stops interrupts follow, which then succeeds.
func (f *following) stops(t testing.TB) {
	t.Helper()
	interrupt(t, f.command)
	f.wait(t).succeeds(t)
}
