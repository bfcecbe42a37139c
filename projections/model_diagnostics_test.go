package projections_test

import (
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// oddities are the codes in their order, each with a function that decides whether it
// applies to an event, given the events before it.
var oddities = []struct {
	code projections.Code
	is   func(before []domain.Event, e domain.Event) bool
}{
	{projections.UnknownType, func(_ []domain.Event, e domain.Event) bool {
		return e.Kind == domain.Unknown
	}},
	{projections.ClockBackwards, func(before []domain.Event, e domain.Event) bool {
		return len(before) > 0 && e.AtMs < before[len(before)-1].AtMs
	}},
	{projections.DuplicateRunStart, func(before []domain.Event, e domain.Event) bool {
		return e.Kind == domain.RunStarted && firstOf(before, domain.RunStarted, "") != never
	}},
	{projections.DuplicateJobStart, func(before []domain.Event, e domain.Event) bool {
		return e.Kind == domain.JobStarted && startOf(before, e.JobID) != never && endOf(before, e.JobID) == never
	}},
	{projections.DuplicateJobFinish, func(before []domain.Event, e domain.Event) bool {
		return e.Kind == domain.JobFinished && endOf(before, e.JobID) != never
	}},
	{projections.OrphanJobFinish, func(before []domain.Event, e domain.Event) bool {
		return e.Kind == domain.JobFinished && startOf(before, e.JobID) == never
	}},
	{projections.OrphanShStart, func(before []domain.Event, e domain.Event) bool {
		return e.Kind == domain.ShStarted && startOf(before, e.JobID) == never
	}},
	{projections.OrphanShFinish, func(before []domain.Event, e domain.Event) bool {
		return e.Kind == domain.ShFinished && openSh(before, e.JobID) == 0
	}},
	{projections.OverlappingSh, func(before []domain.Event, e domain.Event) bool {
		return e.Kind == domain.ShStarted && openSh(before, e.JobID) > 0
	}},
	{projections.EventAfterJobFinish, func(before []domain.Event, e domain.Event) bool {
		late := e.Kind == domain.JobStarted || e.Kind == domain.ShStarted || e.Kind == domain.ShFinished
		return late && endOf(before, e.JobID) != never
	}},
	{projections.EventAfterRunFinish, func(before []domain.Event, _ domain.Event) bool {
		return runEndOf(before) != never
	}},
	{projections.UnfinishedSh, func(before []domain.Event, e domain.Event) bool {
		return e.Kind == domain.JobFinished && endOf(before, e.JobID) == never && openSh(before, e.JobID) > 0
	}},
}

func modelDiagnostics(stream []domain.Entry) (rows []projections.Diagnostic) {
	for i, entry := range stream {
		row := projections.Diagnostic{Line: entry.Line, Offset: entry.Offset}
		if entry.HasJob {
			row.JobID = projections.Some(entry.JobID)
		}
		for _, row.Code = range codesOf(eventsOf(stream[:i]), entry) {
			rows = append(rows, row)
		}
	}
	return rows
}

func codesOf(before []domain.Event, entry domain.Entry) (codes []projections.Code) {
	switch entry.Fault {
	case domain.Torn:
		return []projections.Code{projections.TornTail}
	case domain.Malformed:
		return []projections.Code{projections.MalformedLine}
	}
	for _, odd := range oddities {
		if odd.is(before, entry.Event) {
			codes = append(codes, odd.code)
		}
	}
	return codes
}
