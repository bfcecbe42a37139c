package projections_test

import (
	"maps"
	"slices"

	"github.com/quire-ci/quire-project/projections"
)

// countingMembers returns projections whose rows are counted and not kept.
func countingMembers(rows *int) []projections.Member {
	return []projections.Member{
		counting(projections.Runs, rows),
		counting(projections.Jobs, rows),
		counting(projections.ShEvents, rows),
		counting(projections.RunTimings, rows),
		counting(projections.JobTimings, rows),
		counting(projections.ShTimings, rows),
		counting(projections.Slowest, rows),
		counting(projections.Diagnostics, rows),
	}
}

func counting[R comparable](of *projections.Defined[R], rows *int) projections.Member {
	return of.Into(func(*projections.Row[R]) { *rows++ })
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
