//go:build unix

package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/quire-ci/quire-project/fixtures/synth"
)

// fleet is a number of workers that write from one broker to one database.
type fleet struct {
	broker  string
	db      database
	workers []*command
}

func newFleet(t testing.TB, broker string, db database, workers int) *fleet {
	f := &fleet{broker: broker, db: db}
	for range workers {
		f.hire(t)
	}
	return f
}

// hire starts another worker.
func (f *fleet) hire(t testing.TB) {
	t.Helper()
	w := start(t, "subscribe", "--from", f.broker, "--to", f.db.address, "--patience", "20s")
	f.workers = append(f.workers, w)
	eventually(t, "the worker works", func() bool { return strings.Contains(w.stderr.String(), "msg=working") })
}

// replace kills a worker with SIGKILL and starts another.
func (f *fleet) replace(t testing.TB, rnd *rand.Rand) {
	t.Helper()
	i := rnd.IntN(len(f.workers))
	f.workers[i].killAfter(t, 0)
	f.workers = append(f.workers[:i], f.workers[i+1:]...)
	f.hire(t)
}

// settles waits until the rows are those of the streams and no run waits.
func (f *fleet) settles(t testing.TB, source string) {
	t.Helper()
	eventually(t, "the rows are those of the streams", func() bool {
		return run(t, "verify", source, "--to", f.db.address).status == 0
	})
	if t.Failed() {
		t.Fatal(f.waiting(t), f.logs(t))
	}
	eventually(t, "nothing waits", func() bool { return f.waiting(t) == "nothing is quarantined or parked\n" })
	require.False(t, t.Failed(), f.waiting(t))
}

// publish publishes the streams of a folder as they grow, from now on.
func (f *fleet) publish(t testing.TB, source string, flags ...string) *command {
	t.Helper()
	c := start(t, append([]string{"publish", source, "--to", f.broker, "--follow"}, flags...)...)
	opened := f.db.open(t)
	eventually(t, "something was published", func() bool {
		runs, err := opened.RunIDs(t.Context(), "", 1)
		return err == nil && len(runs) > 0
	})
	return c
}

func (f *fleet) waiting(t testing.TB) string {
	t.Helper()
	e := run(t, "quarantine", "list", "--to", f.db.address)
	e.succeeds(t)
	return e.stdout
}

// complete lets streams grow to their end, waits for their rows, and stops all processes.
func (f *fleet) complete(t testing.TB, g *growth, publisher *command) {
	t.Helper()
	g.whole(t)
	f.settles(t, g.path)
	interrupt(t, publisher)
	publisher.wait(t).succeeds(t)
	f.stop(t)
}

// stop interrupts all workers and waits for their end.
func (f *fleet) stop(t testing.TB) {
	t.Helper()
	for _, w := range f.workers {
		interrupt(t, w)
	}
	for _, w := range f.workers {
		w.wait(t).succeeds(t)
	}
	f.workers = nil
}

// logs kills the workers and returns their logs.
func (f *fleet) logs(t testing.TB) string {
	var all strings.Builder
	for _, w := range f.workers {
		e := w.killAfter(t, 0)
		all.WriteString("\n--- a worker:\n" + e.stderr)
	}
	return all.String()
}

func interrupt(t testing.TB, c *command) {
	t.Helper()
	require.NoError(t, c.Process.Signal(os.Interrupt))
}

// eventually waits until a condition is true, much longer than that should take.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	slowly := func() bool { time.Sleep(200 * time.Millisecond); return is() }
	assert.True(t, is() || waittest.Until(slowly), "waited in vain until %s", what)
}

// growth is a folder of streams that grow at the same time.
type growth struct {
	path    string
	streams []*stream
	data    [][]byte
}

func newGrowth(t testing.TB, runs int) *growth {
	t.Helper()
	g := &growth{path: t.TempDir()}
	for i := range runs {
		g.streams = append(g.streams, newStream(g.path, fmt.Sprintf("run-%03d", i)))
		g.data = append(g.data, synthetic(t, synth.Shape{Seed: uint64(i), Jobs: 35, Sh: 110, AtOnce: 3}))
	}
	return g
}

// reach lets every stream grow to about the given part of its length, mostly to the middle
// of a line.
func (g *growth) reach(t testing.TB, part float64, rnd *rand.Rand) {
	t.Helper()
	for i, s := range g.streams {
		size := int(part*float64(len(g.data[i]))) + rnd.IntN(200)
		s.grow(t, g.data[i][:min(size, len(g.data[i]))])
	}
}

// whole lets every stream grow to its end.
func (g *growth) whole(t testing.TB) {
	t.Helper()
	for i, s := range g.streams {
		s.grow(t, g.data[i])
	}
}

// malform adds a stream with a malformed line.
func (g *growth) malform(t testing.TB, name string) {
	t.Helper()
	lines := strings.SplitAfter(string(g.data[0]), "\n")
	lines[len(lines)/2] = "{\"at_ms\":\n"
	writeFile(t, filepath.Join(g.path, name+".jsonl"), []byte(strings.Join(lines, "")))
}
