package projections_test

import (
	"maps"
	"slices"

	"github.com/quire-ci/quire-project/projections"
)

// countingMembers returns all eight projections, whose rows are counted and
// not kept.
func countingMembers(rows *int) []projections.Member {
	return []projections.Member{
		counting(projections.Runs.New(), rows),
		counting(projections.Jobs.New(), rows),
		counting(projections.ShEvents.New(), rows),
		counting(projections.RunTimings.New(), rows),
		counting(projections.JobTimings.New(), rows),
		counting(projections.ShTimings.New(), rows),
		counting(projections.Slowest.New(), rows),
		counting(projections.Diagnostics.New(), rows),
	}
}

func counting[R comparable](p projections.Projection[R], rows *int) projections.Member {
	return projections.Into(p, func(*projections.Row[R]) { *rows++ })
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
