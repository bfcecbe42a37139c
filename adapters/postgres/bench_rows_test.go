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
