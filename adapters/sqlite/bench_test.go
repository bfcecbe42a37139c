package sqlite_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// BenchmarkInsert compares Insert with the shell sqlite3, which is SQLite in C and imports
// the same rows into the same tables from CSV, and with the obvious way, a statement for
// each row.
func BenchmarkInsert(b *testing.B) {
	for _, bench := range []struct {
		name  string
		shape shape
		group int // runs in a transaction
	}{
		{"one large run", shape{1, 200_000, 650_000}, 1},
		{"many small runs", shape{10_000, 20, 65}, 50},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.Run("store", func(b *testing.B) { benchStore(b, bench.shape, bench.group) })
			b.Run("shell", func(b *testing.B) { benchShell(b, bench.shape, "") })
			b.Run("shell with the settings of the store", func(b *testing.B) {
				benchShell(b, bench.shape, "PRAGMA page_size=16384; PRAGMA journal_mode=wal; PRAGMA synchronous=normal; PRAGMA cache_size=-65536;\n")
			})
		})
	}
	b.Run("a statement for each row", func(b *testing.B) { benchAutocommit(b, shape{1, 1_000, 3_250}) })
}

// shape is the size of a benchmark: each of the runs has this many jobs and commands.
type shape struct{ runs, jobs, sh int }

func (s shape) rows() int { return s.runs * (1 + 2*s.jobs + s.sh) }

// batchJobs is how many jobs are inserted at once, with their commands: about as many rows
// as a fold hands out.
const batchJobs = 800

// batches makes the rows of all runs.
func (s shape) batches() (batches []*store.Rows) {
	for run := range s.runs {
		batches = append(batches, s.run(run)...)
	}
	return batches
}

// run makes the rows of a run, batch by batch. The last has the run's own row.
func (s shape) run(number int) (batches []*store.Rows) {
	rnd := rand.New(rand.NewPCG(1, uint64(number)))
	id := domain.RunID(fmt.Sprintf("run-%06d", number))
	var jobs []projections.Row[projections.Job]
	var commands []projections.Row[projections.ShEvent]
	var timings []projections.Row[projections.JobTiming]
	batch := func(more ...store.TableRows) {
		batches = append(batches, &store.Rows{RunID: id, Tables: append(more,
			store.RowsOf(projections.Jobs, jobs...), store.RowsOf(projections.ShEvents, commands...), store.RowsOf(projections.JobTimings, timings...))})
		jobs, commands, timings = nil, nil, nil
	}
	start := int64(1795444880000) + int64(number)*60_000
	at, sh := start, 0
	for job := range s.jobs {
		name, begin := "job-"+strconv.Itoa(job), at
		for seq := 1; sh < s.sh*(job+1)/s.jobs; seq, sh = seq+1, sh+1 {
			row := projections.ShEvent{JobID: name, Seq: seq, Cmd: command(rnd), StartedAtMs: at}
			at += rnd.Int64N(400)
			row.FinishedAtMs, row.ExitCode = projections.Some(at), projections.Some(rnd.Int32N(50)/49)
			commands = append(commands, projections.Row[projections.ShEvent]{Index: sh, Final: true, Value: row})
		}
		took := projections.Some(at - begin)
		jobs = append(jobs, projections.Row[projections.Job]{Index: job, Final: true, Value: projections.Job{
			JobID: name, State: projections.Complete, ExitCode: projections.Some[int32](0),
			StartedAtMs: projections.Some(begin), FinishedAtMs: projections.Some(at),
		}})
		timings = append(timings, projections.Row[projections.JobTiming]{Index: job, Final: true, Value: projections.JobTiming{
			JobID: name, OffsetMs: projections.Some(begin - start), DurationMs: took, ShCount: 3, ShMs: took, GapMs: projections.Some[int64](0),
		}})
		if len(jobs) == batchJobs {
			batch()
		}
	}
	wall := projections.Some(at - start)
	batch(store.RowsOf(projections.RunTable, projections.Row[store.Run]{Value: store.Run{
		Run:       projections.Run{RunID: id, State: projections.Complete, Events: int64(2 * (s.jobs + s.sh)), Jobs: s.jobs, ShEvents: s.sh},
		RunTiming: projections.RunTiming{StartedAtMs: projections.Some(start), LastAtMs: projections.Some(at), WallMs: wall, BusyMs: wall, JobMs: wall, PeakJobs: 1},
	}}))
	return batches
}

func command(rnd *rand.Rand) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789 -./=_"
	cmd := make([]byte, 10+rnd.IntN(111))
	for i := range cmd {
		cmd[i] = letters[rnd.IntN(len(letters))]
	}
	return string(cmd)
}

// perSecond reports the rows per second.
func perSecond(b *testing.B, rows int) {
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(0, "ns/op")
}

// benchStore inserts prepared rows, because folding has its own benchmark.
func benchStore(b *testing.B, shape shape, group int) {
	batches := shape.batches()
	for b.Loop() {
		b.StopTimer()
		path := filepath.Join(b.TempDir(), "bench.db")
		s, err := sqlite.Open(b.Context(), path)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if err := errors.Join(insertAll(b, s, batches, group), s.Close()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		os.Remove(path)
		b.StartTimer()
	}
	perSecond(b, shape.rows())
}

// insertAll inserts batches, with a number of runs in each transaction.
func insertAll(b *testing.B, s store.Store, batches []*store.Rows, group int) error {
	for len(batches) > 0 {
		err := s.Update(b.Context(), func(tx store.Tx) error {
			for runs := 0; len(batches) > 0 && runs < group; batches = batches[1:] {
				rows := batches[0]
				if err := tx.Insert(rows); err != nil {
					return err
				}
				if rows.Tables[0].Of == projections.RunTable.Definition {
					runs++
					if err := tx.SetCheckpoint(rows.RunID, aCheckpoint); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func benchShell(b *testing.B, shape shape, settings string) {
	shell, err := exec.LookPath("sqlite3")
	if err != nil {
		b.Skip("the shell sqlite3 is not here to be compared with")
	}
	schema := sqlite.Schema(projections.Builtin)
	folder := b.TempDir()
	imports := settings
	for _, table := range writeCSV(b, folder, shape) {
		imports += fmt.Sprintf(".import --csv %s %s\n", filepath.Join(folder, table), table)
	}
	path := filepath.Join(folder, "bench.db")
	for b.Loop() {
		b.StopTimer()
		for _, file := range []string{"", "-wal", "-shm"} {
			os.Remove(path + file)
		}
		runShell(b, shell, path, settings+schema)
		b.StartTimer()
		runShell(b, shell, path, imports)
	}
	perSecond(b, shape.rows())
	if got := query(b, path, `SELECT (SELECT count(*) FROM runs) + (SELECT count(*) FROM jobs) + (SELECT count(*) FROM sh_events) + (SELECT count(*) FROM timings)`); got != fmt.Sprint(shape.rows()) {
		b.Fatalf("the shell imported %s rows, want %d", got, shape.rows())
	}
}

func runShell(b *testing.B, shell, path, input string) {
	cmd := exec.Command(shell, "-bail", path)
	cmd.Stdin = bytes.NewReader([]byte(input))
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
}

// writeCSV writes a file for each table, and returns their names.
func writeCSV(b *testing.B, folder string, shape shape) []string {
	tables := []string{"jobs", "sh_events", "timings", "runs"}
	files := map[string]*csv.Writer{}
	for _, table := range tables {
		file, err := os.Create(filepath.Join(folder, table))
		if err != nil {
			b.Fatal(err)
		}
		defer file.Close()
		files[table] = csv.NewWriter(file)
	}
	write := func(table string, values ...any) {
		record := make([]string, len(values))
		for i, value := range values {
			switch value {
			case false:
				value = 0 // as SQLite has it
			case true:
				value = 1
			}
			record[i] = fmt.Sprint(value)
		}
		if err := files[table].Write(record); err != nil {
			b.Fatal(err)
		}
	}
	for _, rows := range shape.batches() {
		for _, table := range rows.Tables {
			for i := range table.Len() {
				row := table.At(i)
				values := []any{rows.RunID}
				for _, c := range table.Of.Columns {
					if value := c.Value(row.Value); value != nil {
						values = append(values, value)
					} else {
						values = append(values, "")
					}
				}
				write(table.Of.Table, append(values, row.Index+1, row.Final)...)
			}
		}
	}
	for _, table := range tables {
		if files[table].Flush(); files[table].Error() != nil {
			b.Fatal(files[table].Error())
		}
	}
	return tables
}

// benchAutocommit inserts commands one by one, each in a transaction of its own.
func benchAutocommit(b *testing.B, shape shape) {
	batches := shape.batches()
	path := filepath.Join(b.TempDir(), "bench.db")
	open(b, path)
	db := other(b, path)
	n := 0
	for b.Loop() {
		for _, rows := range batches {
			for _, table := range rows.Tables {
				if table.Of != projections.ShEvents.Definition {
					continue
				}
				for i := range table.Len() {
					row := table.At(i)
					r := projections.ShEvents.At(row.Value)
					_, err := db.Exec(`INSERT INTO sh_events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
						n, r.JobID, r.Seq, r.Cmd, r.StartedAtMs, r.FinishedAtMs.V, r.ExitCode.V, row.Index+1, true)
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		}
		n++
	}
	perSecond(b, shape.sh)
}

// BenchmarkProjector compares segments of streams with their files.
func BenchmarkProjector(b *testing.B) {
	storetest.Benchmark(b, func(b *testing.B) store.Store { return open(b, filepath.Join(b.TempDir(), "bench.db")) })
}

// BenchmarkListing reads pages of 100,000 runs.
func BenchmarkListing(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "bench.db"))
	storetest.Listable(b, s)
	storetest.BenchmarkListing(b, s)
}
