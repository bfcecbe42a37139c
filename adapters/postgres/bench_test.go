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
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/fixtures/synth"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// benchServer is set as one would set it for much writing. Nothing that
// happens now and then, as a checkpoint does, is to hit only one of the rivals.
func benchServer(b *testing.B) *pgtest.Server {
	return pgtest.New(b, "fsync=on", "full_page_writes=on", "shared_buffers=512MB", "max_wal_size=8GB", "autovacuum=off")
}

// rival is a way to write rows.
type rival struct {
	name  string
	write func(b *testing.B, address string)
}

// BenchmarkInsert writes a large run: with psql's \copy of a CSV file, which is
// the yardstick, with the store, and with pgx, which is what the store could
// use in place of its own encoder.
func BenchmarkInsert(b *testing.B) {
	run := runRows(b, "run-000000", synth.Yardstick)
	commands := csvFiles(b, run)
	compare(b, count(run), []rival{
		{"copy", func(b *testing.B, address string) { psqlCopy(b, address, commands) }},
		{"store", func(b *testing.B, address string) { writeRuns(b, address, [][]*store.Rows{run}) }},
		{"pgx", func(b *testing.B, address string) { pgxCopy(b, address, run) }},
	})
}

// BenchmarkInsertSmall does the same with 10,000 runs, many of them written
// in one transaction.
func BenchmarkInsertSmall(b *testing.B) {
	var all []*store.Rows
	for i := range 10_000 {
		all = append(all, runRows(b, runID(i), synth.Shape{Seed: uint64(i), Jobs: 20, Sh: 65})...)
	}
	var groups [][]*store.Rows
	for group := range slices.Chunk(all, 100) {
		groups = append(groups, group)
	}
	commands := csvFiles(b, all)
	compare(b, count(all), []rival{
		{"copy", func(b *testing.B, address string) { psqlCopy(b, address, commands) }},
		{"store", func(b *testing.B, address string) { writeRuns(b, address, groups) }},
	})
}

// BenchmarkInsertOneByOne is what to write each row in a transaction of its own
// would be.
func BenchmarkInsertOneByOne(b *testing.B) {
	run := runRows(b, "run-000000", synth.Shape{Seed: 1, Jobs: 600, Sh: 2_000})
	compare(b, count(run), []rival{
		{"one-by-one", func(b *testing.B, address string) { insertEach(b, address, run) }},
		{"store", func(b *testing.B, address string) { writeRuns(b, address, [][]*store.Rows{run}) }},
	})
}

// BenchmarkView reads a large run.
func BenchmarkView(b *testing.B) {
	run := runRows(b, "run-000000", synth.Yardstick)
	address := benchServer(b).NewDatabase(b)
	writeRuns(b, address, [][]*store.Rows{run})
	s := open(b, address)
	b.ResetTimer()
	for range b.N {
		err := s.View(ctx, "run-000000", func(snapshot store.Snapshot) error {
			for _, table := range run[0].Tables {
				for _, err := range snapshot.Rows(table.Of) {
					if err != nil {
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
	b.ReportMetric(float64(count(run)*b.N)/b.Elapsed().Seconds(), "rows/s")
}

// compare lets rivals write rows into tables that are empty, in turn, and
// reports how many rows each writes in a second, and how many times as many as the
// first of them. It counts the median of the turns: somebody else may be busy in one.
func compare(b *testing.B, rows int, rivals []rival) {
	server := benchServer(b)
	took := make([][]time.Duration, len(rivals))
	b.ResetTimer()
	for i := range b.N {
		for j := range rivals {
			at := (i + j) % len(rivals) // each is the first one in turn
			address := server.NewDatabase(b)
			open(b, address).Close()
			start := time.Now()
			rivals[at].write(b, address)
			took[at] = append(took[at], time.Since(start))
		}
	}
	for i, rival := range rivals {
		slices.Sort(took[i])
		b.ReportMetric(float64(rows)/took[i][b.N/2].Seconds(), rival.name+"-rows/s")
		if i > 0 {
			b.ReportMetric(took[0][b.N/2].Seconds()/took[i][b.N/2].Seconds(), rival.name+"/"+rivals[0].name)
		}
	}
}

// writeRuns writes groups of rows with the store, each in a transaction.
func writeRuns(b *testing.B, address string, groups [][]*store.Rows) {
	s := open(b, address)
	for _, group := range groups {
		var runs []domain.RunID
		for _, rows := range group {
			runs = append(runs, rows.RunID)
		}
		runs = slices.Compact(runs)
		err := s.Update(ctx, func(tx store.Tx) error {
			if _, err := tx.Lock(runs); err != nil {
				return err
			}
			if err := tx.Clear(runs, s.Projections().Stored()); err != nil {
				return err
			}
			for _, rows := range group {
				if err := tx.Insert(rows); err != nil {
					return err
				}
			}
			for _, run := range runs {
				if err := tx.SetCheckpoint(run, checkpoint); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func psqlCopy(b *testing.B, address string, commands []string) {
	args := []string{"--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"}
	for _, command := range commands {
		args = append(args, "--command="+command)
	}
	if out, err := exec.Command("psql", append(args, address)...).CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
}

// insertEach inserts rows as a program does that does not think of it.
func insertEach(b *testing.B, address string, batches []*store.Rows) {
	conn := connect(b, address)
	for _, rows := range batches {
		for _, table := range rows.Tables {
			columns := columnsOf(table.Of)
			statement := fmt.Sprintf(`INSERT INTO %s (%s) VALUES (`, table.Of.Table, strings.Join(columns, ", "))
			for i := range columns {
				statement += fmt.Sprintf("$%d, ", i+1)
			}
			statement = strings.TrimSuffix(statement, ", ") + ")"
			for i := range table.Len() {
				if _, err := conn.Exec(ctx, statement, valuesOf(table.Of, rows.RunID, table.At(i))...); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
}

// BenchmarkProjector compares segments of streams with their files.
func BenchmarkProjector(b *testing.B) {
	server := benchServer(b)
	storetest.Benchmark(b, func(b *testing.B) store.Store { return open(b, server.NewDatabase(b)) })
}

// BenchmarkListing reads pages of 100,000 runs. The tables have been analyzed, as the server does by
// itself after a minute.
func BenchmarkListing(b *testing.B) {
	address := pgtest.Shared(b).NewDatabase(b)
	s := open(b, address)
	storetest.Listable(b, s)
	sql(b, address, "VACUUM ANALYZE")
	storetest.BenchmarkListing(b, s)
}

// pgxCopy is a store whose rows pgx encodes.
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

func pgxTables(ctx context.Context, tx pgx.Tx, batches []*store.Rows) (err error) {
	for table := range batches[0].Tables {
		of := batches[0].Tables[table].Of
		at, i := 0, 0
		_, failed := tx.CopyFrom(ctx, pgx.Identifier{of.Table}, columnsOf(of), pgx.CopyFromFunc(func() ([]any, error) {
			for at < len(batches) && i == batches[at].Tables[table].Len() {
				at, i = at+1, 0
			}
			if at == len(batches) {
				return nil, nil
			}
			i++
			return valuesOf(of, batches[at].RunID, batches[at].Tables[table].At(i-1)), nil
		}))
		err = errors.Join(err, failed)
	}
	return err
}

func runID(i int) domain.RunID { return domain.RunID(fmt.Sprintf("run-%06d", i)) }

// runRows are the rows of a run of a shape, as many at a time as folding hands
// over.
func runRows(b *testing.B, run domain.RunID, shape synth.Shape) (batches []*store.Rows) {
	b.Helper()
	var stream bytes.Buffer
	if err := shape.Write(&stream, 0); err != nil {
		b.Fatal(err)
	}
	batch := newRows(run)
	var members []projections.Member
	for i := range batch.Tables {
		members = append(members, batch.Tables[i].Of.Member(func(row projections.AnyRow) { batch.Tables[i].Add(row) }))
	}
	fold := projections.NewFold(run, members...)
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
			batch = newRows(run)
		}
	}
}

func newRows(run domain.RunID) *store.Rows {
	rows := &store.Rows{RunID: run}
	for _, of := range []*projections.Definition{projections.Jobs.Definition, projections.ShEvents.Definition, projections.JobTimings.Definition} {
		rows.Tables = append(rows.Tables, store.TableRows{Of: of, Rows: of.NewRows()})
	}
	return rows
}

// columnsOf are the columns of a table, and valuesOf what a row has in them.
func columnsOf(of *projections.Definition) []string {
	columns := []string{"run_id"}
	for _, c := range of.Columns {
		columns = append(columns, c.Name)
	}
	return append(columns, "position", "final")
}

func valuesOf(of *projections.Definition, run domain.RunID, row projections.AnyRow) []any {
	values := []any{string(run)}
	for i := range of.Columns {
		values = append(values, of.Columns[i].Value(row.Value))
	}
	return append(values, row.Index+1, row.Final)
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
	for i, table := range batches[0].Tables {
		name := table.Of.Table
		path := filepath.Join(folder, name+".csv")
		file, err := os.Create(path)
		if err != nil {
			b.Fatal(err)
		}
		out := csv.NewWriter(file)
		for _, rows := range batches {
			for row := range rows.Tables[i].Len() {
				values := valuesOf(table.Of, rows.RunID, rows.Tables[i].At(row))
				record := make([]string, len(values))
				for i, value := range values {
					if value == nil {
						value = "null"
					}
					// \copy takes a line \. for the end, in quotes, too.
					record[i] = strings.ReplaceAll(fmt.Sprint(value), `\.`, `\,`)
				}
				_ = out.Write(record)
			}
		}
		out.Flush()
		if err := errors.Join(out.Error(), file.Close()); err != nil {
			b.Fatal(err)
		}
		commands = append(commands, fmt.Sprintf(`\copy %s (%s) from '%s' with (format csv, null 'null')`, name, strings.Join(columnsOf(table.Of), ", "), path))
	}
	return commands
}
