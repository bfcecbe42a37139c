package cli

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/quire-ci/quire-project/adapters/storetest/services"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/projections"
)

// BenchmarkFollow measures how long it takes from the writing of a line until
// others find its rows in the store, while a hundred runs grow by ten lines a
// second each, of which there are b.N. Who looks does so every two milliseconds,
// which is part of the figures, and so are the appearing of the runs and the making
// of the store's first rows.
//
// Beside them stands what it costs to insert a row alone and commit: insert, with
// the settings that the store has, and synced, on the same disk and waiting for
// it. SQLite's commits do not wait for the disk, see package sqlite. The server of
// the tests has fsync off: what PostgreSQL's figures lack is its disk.
func BenchmarkFollow(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) { benchmarkFollow(b, "sqlite:"+filepath.Join(b.TempDir(), "quire.db")) })
	b.Run("PostgreSQL", func(b *testing.B) { benchmarkFollow(b, services.PostgreSQL(b)) })
}

func benchmarkFollow(b *testing.B, address string) {
	l := &latency{address: address, folder: b.TempDir(), lines: max(20, b.N), written: make([][]time.Time, 100)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	flags := followFlags{to: address, quiet: true, readFlags: readFlags{onMalformed: "stop", maxLine: 1 << 20}}
	go func() {
		ended <- (&app{Stdio: command.Stdio{Out: io.Discard, Err: os.Stderr}, set: projections.Builtin}).follow(ctx, l.folder, flags)
	}()
	db := l.open(b)
	defer db.Close()
	b.ResetTimer()
	var writers sync.WaitGroup
	for i := range l.written {
		writers.Go(func() { l.write(b, i) })
	}
	took := l.look(b, db)
	writers.Wait()
	b.StopTimer()
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
	reportTimes(b, "", took)
	reportTimes(b, "insert-", inserts(b, db))
	synced, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "synced.db")+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)")
	if err != nil {
		b.Fatal(err)
	}
	defer synced.Close()
	reportTimes(b, "synced-", inserts(b, synced))
	b.ReportMetric(0, "ns/op")
}

func reportTimes(b *testing.B, name string, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, name+"median-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, name+"p99-ms")
	b.ReportMetric(took[len(took)-1].Seconds()*1000, name+"max-ms")
}

// inserts measures how long it takes to insert a row and commit.
func inserts(b *testing.B, db *sql.DB) (took []time.Duration) {
	const n = 500
	db.SetMaxOpenConns(1) // or each would prepare the statement
	if _, err := db.Exec(`CREATE TABLE yardstick (id INTEGER PRIMARY KEY, at BIGINT)`); err != nil {
		b.Fatal(err)
	}
	insert, err := db.Prepare(`INSERT INTO yardstick VALUES ($1, $2)`)
	if err != nil {
		b.Fatal(err)
	}
	defer insert.Close()
	for i := range n {
		began := time.Now()
		if _, err := insert.Exec(i, began.UnixMilli()); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	var rows int
	if err := db.QueryRow(`SELECT count(*) FROM yardstick`).Scan(&rows); err != nil || rows != n {
		b.Fatalf("%d of %d rows are there: %v", rows, n, err)
	}
	return took
}

// latency measures how late the rows of lines are.
type latency struct {
	address, folder string
	lines           int // of each run

	mu      sync.Mutex
	written [][]time.Time // when each line of each run was written
}

// open opens the database under the store, once there is one, as anybody could.
func (l *latency) open(b *testing.B) *sql.DB {
	driver, name := "pgx", l.address
	if file, ok := strings.CutPrefix(l.address, "sqlite:"); ok {
		// As the store has it, so that the yardstick is a fair one.
		driver, name = "sqlite", "file:"+file+"?_pragma=synchronous(normal)&_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		b.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if driver == "pgx" || hasTables(strings.TrimPrefix(l.address, "sqlite:")) {
			if _, err = db.Exec("SELECT 1 FROM checkpoints"); err == nil {
				return db
			}
		}
		if time.Now().After(deadline) {
			b.Fatal(cmp.Or(err, errors.New("there is no store")))
		}
	}
}

// write writes a run, a line every so often.
func (l *latency) write(b *testing.B, run int) {
	const pause = 100 * time.Millisecond
	time.Sleep(time.Duration(run) * pause / time.Duration(len(l.written))) // they do not write all at once
	file, err := os.Create(filepath.Join(l.folder, fmt.Sprintf("run-%03d.jsonl", run)))
	if err != nil {
		b.Error(err)
		return
	}
	defer file.Close()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for n := range l.lines {
		line := fmt.Sprintf(`{"at_ms":%d,"type":"sh_started","job_id":"a","cmd":"true"}`+"\n", time.Now().UnixMilli())
		if n%2 == 1 {
			line = fmt.Sprintf(`{"at_ms":%d,"type":"sh_finished","job_id":"a","exit_code":0}`+"\n", time.Now().UnixMilli())
		}
		l.mu.Lock()
		l.written[run] = append(l.written[run], time.Now())
		l.mu.Unlock()
		if _, err := file.WriteString(line); err != nil {
			b.Error(err)
		}
		<-tick.C
	}
}

// look reads how many events each run has until all are there, and returns how
// long each took.
func (l *latency) look(b *testing.B, db *sql.DB) (took []time.Duration) {
	seen := make([]int, len(l.written))
	for deadline := time.Now().Add(5 * time.Minute); len(took) < l.lines*len(seen); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("%d of %d events are there", len(took), l.lines*len(seen))
		}
		rows, err := db.Query("SELECT substr(run_id, 5), events FROM runs")
		if err != nil {
			b.Fatal(err)
		}
		now := time.Now()
		for rows.Next() {
			var run, events int
			if err := rows.Scan(&run, &events); err != nil {
				b.Fatal(err)
			}
			l.mu.Lock()
			for ; seen[run] < events; seen[run]++ {
				took = append(took, now.Sub(l.written[run][seen[run]]))
			}
			l.mu.Unlock()
		}
		if err := rows.Err(); err != nil {
			b.Fatal(err)
		}
	}
	return took
}
