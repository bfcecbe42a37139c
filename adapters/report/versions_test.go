package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
)

// drawVersions draws the versions of a store.
func drawVersions(t *rapid.T) *StoredVersions {
	names := rapid.SampledFrom([]string{"runs", "jobs", "timings.jobs", "somebodys"})
	versions := rapid.MapOf(names, rapid.IntRange(1, 99))
	v := &StoredVersions{Generations: []storedGeneration{}, Runs: []otherRun{}}
	stored, known := versions.Draw(t, "stored"), versions.Draw(t, "known")
	for _, name := range []string{"runs", "jobs", "timings.jobs", "somebodys"} {
		v.Projections = append(v.Projections, storedProjection{name, version(stored, name), version(known, name)})
	}
	states := rapid.SampledFrom([]store.GenerationState{store.LiveGeneration, store.BuildingGeneration, store.BuiltGeneration, store.PreviousGeneration})
	for i := range rapid.IntRange(0, 3).Draw(t, "generations") {
		v.Generations = append(v.Generations, storedGeneration{i, states.Draw(t, "state"), versions.Draw(t, "versions")})
	}
	for range rapid.SampledFrom([]int{0, 1, 3, 20, 21, 400}).Draw(t, "runs") {
		v.Runs = append(v.Runs, otherRun{domain.RunID(laws.Text().Draw(t, "run")), versions.Draw(t, "versions")})
	}
	return v
}

func TestVersionsTable(t *testing.T) {
	v := &StoredVersions{Projections: []storedProjection{
		{"runs", projections.Some(2), projections.Some(2)}, {"jobs", projections.Some(2), projections.Some(3)},
		{"labels", projections.Null[int]{}, projections.Some(1)}, {"somebodys", projections.Some(7), projections.Null[int]{}},
	}, Runs: []otherRun{{"a", map[string]int{"runs": 2, "jobs": 1, "somebodys": 7}}, {"b", map[string]int{"runs": 2}}}}
	var out bytes.Buffer
	require.NoError(t, v.Write(&out, Table, 0))
	require.Equal(t, `PROJECTION     STORE   PROGRAM
runs               2         2
jobs               2         3
labels       no rows         1
somebodys          7   unknown

2 runs of other versions:
RUN   VERSIONS
a     jobs 1
b     no jobs, no somebodys
`, out.String())
}

// writeVersions also checks that the tables count all runs.
func writeVersions(t *rapid.T, _ string, format Format, width int) string {
	v := drawVersions(t)
	var out bytes.Buffer
	require.NoError(t, v.Write(&out, format, width))
	if n := len(v.Runs); n > 1 && format == Table {
		require.Contains(t, out.String(), fmt.Sprintf("%d runs of other versions:\n", n))
		require.Equal(t, n > maxOtherRuns, strings.Contains(out.String(), "more; --to json has all\n"))
	}
	return out.String()
}
