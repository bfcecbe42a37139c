package sqlite_test

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// shape is what the rows of a benchmark look like.
type shape struct{ runs, jobs, sh int }

var (
	oneLarge  = shape{1, 200_000, 650_000}
	manySmall = shape{10_000, 20, 65}
)

func (s shape) rows() int { return s.runs * (1 + 2*s.jobs + s.sh) }

// batchRows is about how many rows of each kind are inserted at once, which is
// what folding hands over.
const batchRows = 1200

// each makes the rows of a run, batch by batch.
func (s shape) each(run int, do func(*store.Rows)) {
	rnd := rand.New(rand.NewPCG(1, uint64(run)))
	id := domain.RunID(fmt.Sprintf("run-%06d", run))
	rows := &store.Rows{RunID: id}
	at, sh := int64(1795444880000)+int64(run)*60_000, 0
	start := at
	for job := range s.jobs {
		name, begin := "job-"+strconv.Itoa(job), at
		for seq := 1; sh < s.sh*(job+1)/s.jobs; seq, sh = seq+1, sh+1 {
			row := projections.ShEvent{JobID: name, Seq: seq, Cmd: command(rnd), StartedAtMs: at}
			at += rnd.Int64N(400)
			row.FinishedAtMs, row.ExitCode = projections.Some(at), projections.Some(rnd.Int32N(50)/49)
			rows.ShEvents = append(rows.ShEvents, projections.Row[projections.ShEvent]{Index: sh, Value: row})
		}
		rows.Jobs = append(rows.Jobs, projections.Row[projections.Job]{Index: job, Value: projections.Job{
			JobID: name, State: projections.Complete, StartedAtMs: projections.Some(begin), FinishedAtMs: projections.Some(at), ExitCode: projections.Some[int32](0),
		}})
		rows.Timings = append(rows.Timings, projections.Row[projections.JobTiming]{Index: job, Value: projections.JobTiming{
			JobID: name, OffsetMs: projections.Some(begin - start), DurationMs: projections.Some(at - begin), ShCount: 3, ShMs: projections.Some(at - begin), GapMs: projections.Some[int64](0),
		}})
		if len(rows.Jobs) == batchRows {
			do(rows)
			rows.Jobs, rows.ShEvents, rows.Timings = rows.Jobs[:0], rows.ShEvents[:0], rows.Timings[:0]
		}
	}
	rows.Run = projections.Some(store.Run{
		Run:       projections.Run{RunID: id, State: projections.Complete, Events: int64(2 * (s.jobs + s.sh)), Jobs: s.jobs, ShEvents: s.sh},
		RunTiming: projections.RunTiming{StartedAtMs: projections.Some(start), LastAtMs: projections.Some(at), WallMs: projections.Some(at - start), PeakJobs: 1},
	})
	do(rows)
}

func command(rnd *rand.Rand) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789 -./=_"
	cmd := make([]byte, 10+rnd.IntN(111))
	for i := range cmd {
		cmd[i] = letters[rnd.IntN(len(letters))]
	}
	return string(cmd)
}

// BenchmarkInsert compares Insert with the shell's .import of the same rows
// into the same tables.
func BenchmarkInsert(b *testing.B) {
	for _, bench := range []struct {
		name  string
		shape shape
		group int // runs in a transaction
	}{
		{"one large run", oneLarge, 1},
		{"many small runs", manySmall, 50},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.Run("store", func(b *testing.B) { benchStore(b, bench.shape, bench.group) })
			b.Run("shell", func(b *testing.B) { benchShell(b, bench.shape, "") })
			b.Run("shell, same settings", func(b *testing.B) {
				benchShell(b, bench.shape, "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536;")
			})
		})
	}
}

// perSecond reports rows in the time that the benchmark was running.
func perSecond(b *testing.B, rows int) {
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(0, "ns/op")
}

func benchStore(b *testing.B, shape shape, group int) {
	// Rows are made before the clock runs: folding has its own benchmark.
	var all []*store.Rows
	for run := range shape.runs {
		shape.each(run, func(rows *store.Rows) { all = append(all, clone(rows)) })
	}
	for b.Loop() {
		b.StopTimer()
		s, err := sqlite.Open(context.Background(), filepath.Join(b.TempDir(), "bench.db"))
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		insertAll(b, s, all, group)
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	perSecond(b, shape.rows())
}

func insertAll(b *testing.B, s store.Store, all []*store.Rows, group int) {
	for len(all) > 0 {
		err := s.Update(context.Background(), func(tx store.Tx) error {
			for done := 0; len(all) > 0 && done < group; all = all[1:] {
				if err := tx.Insert(all[0]); err != nil {
					return err
				}
				if all[0].Run.Valid {
					done++
					if err := tx.SetCheckpoint(all[0].RunID, store.Checkpoint{Reducers: 1, Source: "x"}); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func clone(r *store.Rows) *store.Rows {
	c := *r
	c.Jobs, c.ShEvents, c.Timings = append(c.Jobs[:0:0], c.Jobs...), append(c.ShEvents[:0:0], c.ShEvents...), append(c.Timings[:0:0], c.Timings...)
	return &c
}

func benchShell(b *testing.B, shape shape, pragmas string) {
	shell, err := exec.LookPath("sqlite3")
	if err != nil {
		b.Skip("needs the shell sqlite3")
	}
	dir := b.TempDir()
	writeCSV(b, dir, shape)
	schema, err := os.ReadFile("migrations/00001_tables.sql")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		path := filepath.Join(b.TempDir(), "bench.db")
		run := func(input string) {
			c := exec.Command(shell, "-bail", path)
			c.Stdin = bytes.NewReader([]byte(input))
			if out, err := c.CombinedOutput(); err != nil || bytes.Contains(out, []byte("rror")) {
				b.Fatalf("%v: %s", err, out)
			}
		}
		run(pragmas + string(schema))
		b.StartTimer()
		imports := pragmas + "\n"
		for _, t := range []string{"sh_events", "jobs", "timings", "runs"} {
			imports += fmt.Sprintf(".import --csv %s/%s.csv %s\n", dir, t, t)
		}
		run(imports)
	}
	perSecond(b, shape.rows())
}

func writeCSV(b *testing.B, dir string, shape shape) {
	files := map[string]*csv.Writer{}
	for _, t := range []string{"sh_events", "jobs", "timings", "runs"} {
		f, err := os.Create(filepath.Join(dir, t+".csv"))
		if err != nil {
			b.Fatal(err)
		}
		files[t] = csv.NewWriter(f)
		defer f.Close()
	}
	for run := range shape.runs {
		shape.each(run, func(rows *store.Rows) {
			id := string(rows.RunID)
			for _, r := range rows.ShEvents {
				v := r.Value
				files["sh_events"].Write([]string{id, v.JobID, fmt.Sprint(v.Seq), v.Cmd, fmt.Sprint(v.StartedAtMs), v.FinishedAtMs.String(), v.ExitCode.String(), fmt.Sprint(r.Index + 1)})
			}
			for _, r := range rows.Jobs {
				v := r.Value
				files["jobs"].Write([]string{id, v.JobID, string(v.State), v.ExitCode.String(), v.StartedAtMs.String(), v.FinishedAtMs.String(), fmt.Sprint(r.Index + 1)})
			}
			for _, r := range rows.Timings {
				v := r.Value
				files["timings"].Write([]string{id, v.JobID, v.OffsetMs.String(), v.DurationMs.String(), fmt.Sprint(v.ShCount), v.ShMs.String(), v.GapMs.String()})
			}
			if v := rows.Run.V; rows.Run.Valid {
				files["runs"].Write([]string{id, string(v.State), "0", fmt.Sprint(v.Events), "0", fmt.Sprint(v.Jobs), "0", fmt.Sprint(v.ShEvents), "0", "0",
					v.StartedAtMs.String(), v.LastAtMs.String(), v.WallMs.String(), "0", "0", "1"})
			}
		})
	}
	for _, f := range files {
		f.Flush()
	}
}

var _ = cmp.Or[int]
var _ = context.Background
var _ = sql.Open
var _ = time.Now
