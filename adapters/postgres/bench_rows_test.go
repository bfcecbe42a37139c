package postgres_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/fixtures/synth"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

func runID(i int) domain.RunID { return domain.RunID(fmt.Sprintf("run-%06d", i)) }

// runRows are the rows of a run of a shape, as many at a time as folding hands
// over.
func runRows(b *testing.B, run domain.RunID, shape synth.Shape) (batches []*store.Rows) {
	b.Helper()
	var stream bytes.Buffer
	if err := shape.Write(&stream, 0); err != nil {
		b.Fatal(err)
	}
	batch := &store.Rows{RunID: run}
	fold := projections.NewFold(run,
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
			return append(batches, batch)
		}
		if err != nil {
			b.Fatal(err)
		}
		if batch.Len() >= 4096 {
			batches = append(batches, batch)
			batch = &store.Rows{RunID: run}
		}
	}
}

func count(batches []*store.Rows) (rows int) {
	for _, batch := range batches {
		rows += batch.Len()
	}
	return rows
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
