package postgres_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/fixtures/synth"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// benchServer is set as one would set it for much writing: nothing that
// happens now and then, as a checkpoint, is to hit only one of the rivals.
func benchServer(b *testing.B) *pgtest.Server {
	return pgtest.New(b, "fsync=on", "full_page_writes=on", "shared_buffers=512MB", "max_wal_size=8GB", "autovacuum=off")
}

const benchRun = "run-000000"

// batches are the rows of a stream, as many at a time as folding hands over.
func batches(b *testing.B, shape synth.Shape) (batches []*store.Rows, rows int) {
	b.Helper()
	var stream bytes.Buffer
	if err := shape.Write(&stream, 0); err != nil {
		b.Fatal(err)
	}
	batch := &store.Rows{RunID: benchRun}
	var run store.Run
	fold := projections.NewFold(benchRun,
		projections.Into(projections.Runs(), func(row *projections.Row[projections.Run]) { run.Run = row.Value }),
		projections.Into(projections.RunTimings(), func(row *projections.Row[projections.RunTiming]) { run.RunTiming = row.Value }),
		projections.Into(projections.Jobs(), func(row *projections.Row[projections.Job]) { batch.Jobs = append(batch.Jobs, *row) }),
		projections.Into(projections.ShEvents(), func(row *projections.Row[projections.ShEvent]) { batch.ShEvents = append(batch.ShEvents, *row) }),
		projections.Into(projections.JobTimings(), func(row *projections.Row[projections.JobTiming]) { batch.Timings = append(batch.Timings, *row) }),
	)
	reader := jsonl.NewReader(&stream, jsonl.Options{})
	for {
		entries, err := reader.Next()
		for i := range entries {
			fold.Apply(&entries[i])
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		if batch.Len() >= 4096 {
			batches, rows = append(batches, batch), rows+batch.Len()
			batch = &store.Rows{RunID: benchRun}
		}
	}
	fold.Open()
	batch.Run = projections.Some(run)
	return append(batches, batch), rows + batch.Len()
}

// csvFiles writes the rows as \copy reads them, and returns the \copy
// commands.
func csvFiles(b *testing.B, batches []*store.Rows) (commands []string) {
	b.Helper()
	folder := b.TempDir()
	for _, table := range []struct {
		columns string
		records func(*store.Rows, func(...any))
	}{
		{"jobs (run_id, job_id, state, exit_code, started_at_ms, finished_at_ms, position)", func(rows *store.Rows, write func(...any)) {
			for _, row := range rows.Jobs {
				r := row.Value
				write(rows.RunID, r.JobID, r.State, r.ExitCode, r.StartedAtMs, r.FinishedAtMs, row.Index+1)
			}
		}},
		{"sh_events (run_id, job_id, seq, cmd, started_at_ms, finished_at_ms, exit_code, position)", func(rows *store.Rows, write func(...any)) {
			for _, row := range rows.ShEvents {
				r := row.Value
				write(rows.RunID, r.JobID, r.Seq, r.Cmd, r.StartedAtMs, r.FinishedAtMs, r.ExitCode, row.Index+1)
			}
		}},
		{"timings (run_id, job_id, offset_ms, duration_ms, sh_count, sh_ms, gap_ms)", func(rows *store.Rows, write func(...any)) {
			for _, row := range rows.Timings {
				r := row.Value
				write(rows.RunID, r.JobID, r.OffsetMs, r.DurationMs, r.ShCount, r.ShMs, r.GapMs)
			}
		}},
	} {
		name, _, _ := strings.Cut(table.columns, " ")
		path := filepath.Join(folder, name+".csv")
		file, err := os.Create(path)
		if err != nil {
			b.Fatal(err)
		}
		out := csv.NewWriter(file)
		for _, rows := range batches {
			table.records(rows, func(values ...any) {
				record := make([]string, len(values))
				for i, value := range values {
					// \copy takes a line \. for the end, in quotes, too.
					record[i] = strings.ReplaceAll(fmt.Sprint(value), `\.`, `\,`)
				}
				_ = out.Write(record)
			})
		}
		out.Flush()
		if err := errors.Join(out.Error(), file.Close()); err != nil {
			b.Fatal(err)
		}
		commands = append(commands, fmt.Sprintf(`\copy %s from '%s' with (format csv, null 'null')`, table.columns, path))
	}
	return commands
}

// BenchmarkInsert writes a large run with the store, and with psql's \copy,
// both into tables that are empty, in turn.
func BenchmarkInsert(b *testing.B) {
	rows, count := batches(b, synth.Yardstick)
	commands := csvFiles(b, rows)
	server := benchServer(b)
	rivals := []struct {
		name  string
		write func(b *testing.B, url string)
	}{
		{"copy", func(b *testing.B, url string) { psqlCopy(b, url, commands) }},
		{"store", func(b *testing.B, url string) { writeRun(b, url, rows) }},
		{"pgx", func(b *testing.B, url string) { pgxCopy(b, url, rows) }},
	}
	took := make([]time.Duration, len(rivals))
	b.ResetTimer()
	for i := range b.N {
		for j := range rivals {
			at := (i + j) % len(rivals) // each is the first one in turn
			url := server.NewDatabase(b)
			open(b, url).Close()
			start := time.Now()
			rivals[at].write(b, url)
			took[at] += time.Since(start)
		}
	}
	for i, rival := range rivals {
		b.ReportMetric(float64(count*b.N)/took[i].Seconds(), rival.name+"-rows/s")
		b.ReportMetric(took[0].Seconds()/took[i].Seconds(), rival.name+"/copy")
	}
}

func writeRun(b *testing.B, url string, batches []*store.Rows) {
	s := open(b, url)
	err := s.Update(context.Background(), func(tx store.Tx) error {
		if _, err := tx.Lock([]domain.RunID{benchRun}); err != nil {
			return err
		}
		for _, rows := range batches {
			if err := tx.Insert(rows); err != nil {
				return err
			}
		}
		return tx.SetCheckpoint(benchRun, store.Checkpoint{Reducers: projections.Version})
	})
	if err != nil {
		b.Fatal(err)
	}
}

func psqlCopy(b *testing.B, url string, commands []string) {
	args := []string{"--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"}
	for _, command := range commands {
		args = append(args, "--command="+command)
	}
	if out, err := exec.Command("psql", append(args, url)...).CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
}

// pgxCopy is what the store would be if pgx encoded its rows.
func pgxCopy(b *testing.B, url string, batches []*store.Rows) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(ctx)
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for i := 0; i < len(batches); i += 4 {
			some := batches[i:min(i+4, len(batches))]
			if err := pgxTables(ctx, tx, some); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func pgxTables(ctx context.Context, tx pgx.Tx, batches []*store.Rows) error {
	copyTable := func(table string, columns string, each func(rows *store.Rows, i int) []any, size func(rows *store.Rows) int) error {
		at, i := 0, 0
		_, err := tx.CopyFrom(ctx, pgx.Identifier{table}, strings.Fields(columns), pgx.CopyFromFunc(func() ([]any, error) {
			for at < len(batches) && i == size(batches[at]) {
				at, i = at+1, 0
			}
			if at == len(batches) {
				return nil, nil
			}
			i++
			return each(batches[at], i-1), nil
		}))
		return err
	}
	return errors.Join(
		copyTable("jobs", "run_id job_id state exit_code started_at_ms finished_at_ms position", func(rows *store.Rows, i int) []any {
			r := &rows.Jobs[i].Value
			return []any{string(rows.RunID), r.JobID, string(r.State), nullable(r.ExitCode), nullable(r.StartedAtMs), nullable(r.FinishedAtMs), rows.Jobs[i].Index + 1}
		}, func(rows *store.Rows) int { return len(rows.Jobs) }),
		copyTable("sh_events", "run_id job_id seq cmd started_at_ms finished_at_ms exit_code position", func(rows *store.Rows, i int) []any {
			r := &rows.ShEvents[i].Value
			return []any{string(rows.RunID), r.JobID, r.Seq, r.Cmd, r.StartedAtMs, nullable(r.FinishedAtMs), nullable(r.ExitCode), rows.ShEvents[i].Index + 1}
		}, func(rows *store.Rows) int { return len(rows.ShEvents) }),
		copyTable("timings", "run_id job_id offset_ms duration_ms sh_count sh_ms gap_ms", func(rows *store.Rows, i int) []any {
			r := &rows.Timings[i].Value
			return []any{string(rows.RunID), r.JobID, nullable(r.OffsetMs), nullable(r.DurationMs), r.ShCount, nullable(r.ShMs), nullable(r.GapMs)}
		}, func(rows *store.Rows) int { return len(rows.Timings) }),
	)
}

func nullable[T comparable](n projections.Null[T]) any {
	if n.Valid {
		return n.V
	}
	return nil
}
