package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

// BenchmarkFollow measures how long it takes from the writing of a line until
// others find its rows in the store, while a hundred runs grow by ten lines a
// second each. Who looks does so every two milliseconds, which is part of the figures.
func BenchmarkFollow(b *testing.B) {
	const runs, pause = 100, 100 * time.Millisecond
	lines := max(20, b.N)
	folder := b.TempDir()
	db := filepath.Join(folder, "quire.db")
	streams := filepath.Join(folder, "runs")
	if err := os.Mkdir(streams, 0o777); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- follow(ctx, streams, followFlags{to: "sqlite:" + db, quiet: true, readFlags: readFlags{onMalformed: "stop", maxLine: 1 << 20}}, stdio{io.Discard, os.Stderr})
	}()
	for !hasTables(db) {
		time.Sleep(time.Millisecond)
	}
	written := make([][]time.Time, runs)
	var mu sync.Mutex
	var writers sync.WaitGroup
	for i := range runs {
		writers.Go(func() {
			file, err := os.Create(filepath.Join(streams, fmt.Sprintf("run-%03d.jsonl", i)))
			if err != nil {
				b.Error(err)
				return
			}
			defer file.Close()
			time.Sleep(time.Duration(i) * pause / runs) // they do not write all at once
			for tick := time.NewTicker(pause); len(written[i]) < lines; <-tick.C {
				line := fmt.Sprintf(`{"at_ms":%d,"type":"sh_started","job_id":"a","cmd":"true"}`+"\n", time.Now().UnixMilli())
				if n := len(written[i]); n%2 == 1 {
					line = fmt.Sprintf(`{"at_ms":%d,"type":"sh_finished","job_id":"a","exit_code":0}`+"\n", time.Now().UnixMilli())
				}
				mu.Lock()
				written[i] = append(written[i], time.Now())
				mu.Unlock()
				if _, err := file.WriteString(line); err != nil {
					b.Error(err)
				}
			}
		})
	}
	took := look(b, db, written, &mu, runs*lines)
	writers.Wait()
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "median-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
	b.ReportMetric(took[len(took)-1].Seconds()*1000, "max-ms")
	b.ReportMetric(0, "ns/op")
}

// look reads how many events each run has until all are there, and returns how
// long each took.
func look(b *testing.B, file string, written [][]time.Time, mu *sync.Mutex, all int) (took []time.Duration) {
	db, err := sql.Open("sqlite", file)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	seen := make([]int, len(written))
	for deadline := time.Now().Add(5 * time.Minute); len(took) < all; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("%d of %d events are there", len(took), all)
		}
		rows, err := db.Query("SELECT substr(run_id, 5), events FROM runs")
		if err != nil {
			b.Fatal(err)
		}
		now := time.Now()
		mu.Lock()
		for rows.Next() {
			var run, events int
			if err := rows.Scan(&run, &events); err != nil {
				b.Fatal(err)
			}
			for ; seen[run] < events; seen[run]++ {
				took = append(took, now.Sub(written[run][seen[run]]))
			}
		}
		mu.Unlock()
		if err := rows.Err(); err != nil {
			b.Fatal(err)
		}
	}
	return took
}
