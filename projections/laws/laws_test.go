package laws_test

import (
	"testing"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/laws"
)

func TestFailedSh(t *testing.T) {
	laws.Check(t, newFailedSh,
		laws.Independent(func(row FailedSh) string { return row.JobID }),
		laws.Model(modelFailedSh))
}

// modelFailedSh counts what is open in each job.
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
