package cli

import (
	"bytes"
	"database/sql"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/adapters/jetstream/natstest"
	"github.com/quire-ci/quire-project/adapters/storetest/services"
	"github.com/quire-ci/quire-project/fixtures/synth"
)

// BenchmarkBroker takes 1.7 million events of one run into a store in two ways:
// directly, and by way of a broker, from the start of publish to the last row.
func BenchmarkBroker(b *testing.B) {
	one := stream(b, synth.Yardstick)
	for _, store := range benchStores {
		b.Run(store.name, func(b *testing.B) {
			var direct, through time.Duration
			for b.Loop() {
				direct += program(b, one, "--to", store.new(b)).wall
				to, broker := store.new(b), natstest.New(b).URL()
				work := newWorkers(b, broker, to, 1)
				start := time.Now()
				program(b, "publish", one, "--to", broker)
				work.project(b, to, synth.Yardstick.Events())
				through += time.Since(start)
				work.end(b)
			}
			n := float64(b.N)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(direct.Seconds()/n, "direct-s")
			b.ReportMetric(through.Seconds()/n, "broker-s")
			b.ReportMetric(through.Seconds()/direct.Seconds(), "broker/direct")
		})
	}
}

// BenchmarkWorkers has workers take 20,000 runs that are on a broker into PostgreSQL,
// 3.4 million events: one worker, two that share the work, and two that have nothing to
// do with each other, each with half of the runs on a broker and in a database of its own.
// No two workers that share the work can be faster than those: how much faster
// they are than one is what the machine allows. The first tenth is not measured, in
// which workers start and share out the partitions. Besides the times it reports how busy
// the machine's processors were meanwhile, with workers, PostgreSQL and broker on it.
func BenchmarkWorkers(b *testing.B) {
	const all = 20_000
	folder, half := runs(b, all), runs(b, all/2)
	shapes := []struct {
		name  string
		teams func() []*team
	}{
		{"one", func() []*team { return []*team{newTeam(b, folder, all, 1)} }},
		{"two", func() []*team { return []*team{newTeam(b, folder, all, 2)} }},
		{"apart", func() []*team { return []*team{newTeam(b, half, all/2, 1), newTeam(b, half, all/2, 1)} }},
	}
	took, busy := map[string]time.Duration{}, map[string]float64{}
	for b.Loop() {
		for _, shape := range shapes {
			teams := shape.teams()
			for _, t := range teams {
				t.project(b, 0.1)
			}
			start, before := time.Now(), readProcessors(b)
			for _, t := range teams {
				t.project(b, 1)
			}
			took[shape.name] += time.Since(start)
			busy[shape.name] += readProcessors(b).busySince(before)
			for _, t := range teams {
				t.end(b)
			}
		}
	}
	n := float64(b.N)
	b.ReportMetric(0, "ns/op")
	for _, shape := range shapes {
		b.ReportMetric(took[shape.name].Seconds()/n, shape.name+"-s")
		b.ReportMetric(busy[shape.name]/n, shape.name+"-busy")
	}
	b.ReportMetric(took["one"].Seconds()/took["two"].Seconds(), "one/two")
	b.ReportMetric(took["one"].Seconds()/took["apart"].Seconds(), "one/apart")
}

// team is some workers that take the runs of a folder from a broker into a database.
type team struct {
	workers
	to     string
	events int
}

// newTeam publishes the runs of a folder on a broker, and starts n workers. The database contains one
// more run, which has created the tables.
func newTeam(b *testing.B, folder string, runs, n int) *team {
	b.Helper()
	to, broker := services.PostgreSQL(b), natstest.New(b).URL()
	program(b, "publish", folder, "--to", broker)
	program(b, folder+"/"+"run-000000.jsonl", "--run-id", "first", "--to", to)
	return &team{newWorkers(b, broker, to, n), to, (runs + 1) * short.Events()}
}

// project waits until a part of the events, of 1, are in the rows.
func (t *team) project(b *testing.B, part float64) {
	b.Helper()
	t.workers.project(b, t.to, int(part*float64(t.events)))
}

// processors is how long those of the machine have worked and idled, in ticks.
type processors struct{ all, idle float64 }

func readProcessors(b *testing.B) (p processors) {
	b.Helper()
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return p // this system does not tell
	}
	line, _, _ := strings.Cut(string(text), "\n")
	for i, field := range strings.Fields(line)[1:] {
		ticks, err := strconv.ParseFloat(field, 64)
		if err != nil {
			b.Fatal(err)
		}
		p.all += ticks
		if i == 3 || i == 4 { // idle, and waiting for a disk
			p.idle += ticks
		}
	}
	return p
}

// busySince returns the part of the time that they have worked, 0 to 1.
func (p processors) busySince(before processors) float64 {
	if p.all == before.all {
		return 0
	}
	return 1 - (p.idle-before.idle)/(p.all-before.all)
}

// workers are some that work.
type workers []*exec.Cmd

func newWorkers(b *testing.B, broker, to string, n int) (w workers) {
	b.Helper()
	path, err := built()
	if err != nil {
		b.Fatal(err)
	}
	for range n {
		cmd := exec.Command(path, "subscribe", "--from", broker, "--to", to, "--listen", "none")
		log := &started{working: make(chan struct{})}
		cmd.Stderr = log
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		w = append(w, cmd)
		select {
		case <-log.working:
		case <-time.After(30 * time.Second):
			b.Fatal("the worker does not work")
		}
	}
	return w
}

// started is a log that says when a worker works.
type started struct {
	working chan struct{}
	seen    bool
}

func (s *started) Write(p []byte) (int, error) {
	if !s.seen && bytes.Contains(p, []byte("msg=working")) {
		s.seen = true
		close(s.working)
	}
	return len(p), nil
}

// pace is how often is looked at how far rows are, which costs some milliseconds.
const pace = 100 * time.Millisecond

// project waits until so many events are in the rows, at least.
func (w workers) project(b *testing.B, to string, events int) {
	b.Helper()
	driver, address := "pgx", to
	if file, ok := strings.CutPrefix(to, "sqlite:"); ok {
		driver, address = "sqlite", file
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); time.Sleep(pace) {
		var n int
		if err := db.QueryRow("SELECT CAST(coalesce(sum(events), 0) AS bigint) FROM checkpoints").Scan(&n); err == nil && n >= events {
			return
		}
	}
	b.Fatal("the rows do not come")
}

func (w workers) end(b *testing.B) {
	b.Helper()
	for _, cmd := range w {
		_ = cmd.Process.Signal(os.Interrupt)
	}
	for _, cmd := range w {
		if err := cmd.Wait(); err != nil {
			b.Error(err)
		}
	}
}
