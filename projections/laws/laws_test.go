package laws_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

func TestFailedSh(t *testing.T) {
	laws.Check(t, FailedByJob,
		laws.Independent(func(row FailedSh) string { return row.JobID }),
		laws.Model(modelFailedSh))
}

func TestFailedShCounts(t *testing.T) {
	laws.Given(t, FailedByJob,
		domain.NewShStarted(1, "build", "false"),
		domain.NewShStarted(2, "test", "true"),
		domain.NewShFinished(3, "build", 1),
	).Then(FailedSh{"build", 1}, FailedSh{"test", 0}).
		When(domain.NewShFinished(4, "test", 2)).
		Then(FailedSh{"test", 1}).
		ThenFinal() // none is
}

func TestFailedShOfAFile(t *testing.T) {
	file, err := os.Open("../../fixtures/cobra-failing.jsonl")
	require.NoError(t, err)
	defer file.Close()
	laws.Golden(t, FailedByJob, jsonl.NewReader(file, jsonl.Options{}), "testdata/failed_sh.golden")
}

func FuzzFailedSh(f *testing.F) {
	f.Add([]byte("\x02\x00\x01\x00\x03\x00\x02\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		assert.NoError(t, laws.Hold(FailedByJob, laws.FromBytes(data), laws.Model(modelFailedSh)))
	})
}

// modelFailedSh counts the failed commands of each job.
func modelFailedSh(stream []domain.Entry) []FailedSh {
	var rows []FailedSh
	seen := map[string]bool{}
	for _, entry := range stream {
		if entry.HasJob && entry.Kind != domain.Unknown && !seen[entry.JobID] {
			seen[entry.JobID] = true
			rows = append(rows, FailedSh{entry.JobID, failuresIn(stream, entry.JobID)})
		}
	}
	return rows
}

func failuresIn(stream []domain.Entry, job string) (failed int) {
	open := 0
	for _, entry := range stream {
		switch {
		case entry.JobID != job:
		case entry.Kind == domain.ShStarted:
			open++
		case entry.Kind == domain.ShFinished && open > 0:
			open--
			if entry.ExitCode != 0 {
				failed++
			}
		}
	}
	return failed
}

// Drawn rows have various values in each column, and null in nullable ones.
func TestRowsAreDrawnWhole(t *testing.T) {
	of := projections.Define(projections.Declaration[laws.EveryType]{Name: "every", Version: 1, Key: []string{"text"}})
	rows, first := laws.Row(of, laws.Text()), of.NewRows()
	*of.At(first.New(0, false)) = rows.Example(0)
	for _, c := range of.Columns {
		nulls, others := false, false
		for seed := range 50 {
			list := of.List(projections.Row[laws.EveryType]{Value: rows.Example(seed)})
			nulls = nulls || c.IsNull(list.At(0).Value)
			others = others || !c.Equal(list.At(0).Value, first.At(0).Value)
		}
		assert.Equal(t, c.Nullable, nulls, c.Name)
		assert.True(t, others, c.Name)
	}
}
