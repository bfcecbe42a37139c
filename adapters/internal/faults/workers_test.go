//go:build unix

package faults

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/jetstream/natstest"
)

// Workers are killed while growing runs are published, and sometimes the publisher is, too.
// It then cuts the streams into other segments.
func TestWorkersAreKilled(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, fresh func() database) {
		broker := natstest.New(t).URL()
		rnd, g := random(t), newGrowth(t, 40)
		f := newFleet(t, broker, fresh(), 3)
		g.reach(t, 0, rnd)
		publisher := f.publish(t, g.path)
		steps := times(10)
		for step := range steps {
			g.reach(t, float64(step)/float64(steps), rnd)
			time.Sleep(time.Duration(rnd.Int64N(int64(time.Second))))
			switch {
			case rnd.IntN(2) == 0:
				f.replace(t, rnd)
			case rnd.IntN(4) == 0:
				publisher.killAfter(t, 0)
				publisher = f.publish(t, g.path)
			}
		}
		f.complete(t, g, publisher)
	})
}

// PostgreSQL is repeatedly away for some seconds. The workers continue when it is back.
func TestStoreIsAway(t *testing.T) {
	t.Parallel()
	server := pgtest.New(t)
	broker := natstest.New(t).URL()
	rnd, g := random(t), newGrowth(t, 40)
	f := newFleet(t, broker, postgresAt(server.NewDatabase(t)), 2)
	g.reach(t, 0, rnd)
	publisher := f.publish(t, g.path)
	stops := []func(testing.TB){server.Stop, server.Kill}
	steps := times(16)
	for step := range steps {
		g.reach(t, float64(step)/float64(steps), rnd)
		if step%4 == 1 {
			stops[rnd.IntN(2)](t)
			time.Sleep(time.Duration(rnd.Int64N(int64(3 * time.Second))))
			server.Start(t)
		}
	}
	f.complete(t, g, publisher)
}

// Another program locks the SQLite file for longer than a worker waits.
func TestStoreIsLocked(t *testing.T) {
	t.Parallel()
	broker := natstest.New(t).URL()
	db, g := sqliteIn(t.TempDir()), newGrowth(t, 20)
	f := newFleet(t, broker, db, 2)
	other := connect(t, db)
	execute(t, other, "BEGIN IMMEDIATE")
	g.whole(t)
	run(t, "publish", g.path, "--to", broker).succeeds(t)
	time.Sleep(8 * time.Second)
	execute(t, other, "ROLLBACK")
	f.settles(t, g.path)
	f.stop(t)
}

// The broker is away for some seconds. It keeps every message that it has acknowledged.
func TestBrokerIsAway(t *testing.T) {
	t.Parallel()
	server := natstest.New(t)
	broker := server.URL()
	rnd, g := random(t), newGrowth(t, 40)
	f := newFleet(t, broker, sqliteIn(t.TempDir()), 2)
	g.reach(t, 0, rnd)
	publisher := f.publish(t, g.path)
	steps := times(16)
	for step := range steps {
		g.reach(t, float64(step)/float64(steps), rnd)
		if step%4 == 1 {
			server.Stop()
			time.Sleep(time.Duration(rnd.Int64N(int64(3 * time.Second))))
			server.Start()
		}
	}
	f.complete(t, g, publisher)
}

// Three servers replicate everything. The leader is stopped and started again.
func TestServerOfClusterIsAway(t *testing.T) {
	t.Parallel()
	cluster := natstest.NewCluster(t)
	rnd, g := random(t), newGrowth(t, 40)
	f := newFleet(t, cluster.URL(), sqliteIn(t.TempDir()), 2)
	g.reach(t, 0, rnd)
	publisher := f.publish(t, g.path, "--replicas", "3")
	steps := times(12)
	for step := range steps {
		g.reach(t, float64(step)/float64(steps), rnd)
		if step%4 == 1 {
			leader := cluster.Leader("quire")
			if leader == nil {
				leader = cluster[rnd.IntN(len(cluster))]
			}
			leader.Stop()
			g.reach(t, (float64(step)+0.5)/float64(steps), rnd)
			time.Sleep(time.Duration(rnd.Int64N(int64(3 * time.Second))))
			leader.Start()
		}
	}
	f.complete(t, g, publisher)
}

// Only the malformed run is quarantined. It continues after a retry that skips malformed lines.
func TestMalformedAmongGood(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, fresh func() database) {
		broker := natstest.New(t).URL()
		g := newGrowth(t, 20)
		f := newFleet(t, broker, fresh(), 2)
		g.whole(t)
		g.malform(t, "bad")
		run(t, "publish", g.path, "--to", broker).succeeds(t)
		eventually(t, "the malformed run is quarantined", func() bool { return strings.Contains(f.waiting(t), "malformed") })
		bad := filepath.Join(g.path, "bad.jsonl")
		hidden := filepath.Join(t.TempDir(), "bad.jsonl")
		require.NoError(t, os.Rename(bad, hidden))
		eventually(t, "the others are there", func() bool { return run(t, "verify", g.path, "--to", f.db.address).status == 0 })
		assert.Equal(t, 5, run(t, "quarantine", "retry", "bad", "--to", f.db.address).status, "retrying what is still malformed ends")
		run(t, "quarantine", "retry", "bad", "--on-malformed", "skip", "--to", f.db.address).succeeds(t)
		run(t, "verify", hidden, "--on-malformed", "skip", "--to", f.db.address).succeeds(t)
		f.settles(t, g.path)
		f.stop(t)
	})
}
