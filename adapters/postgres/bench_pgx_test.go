package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

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
