package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"
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

// The document is valid against docs/schema/versions.json.
func TestVersionsDocument(t *testing.T) {
	isDocument(t, "versions", func(t *rapid.T, format Format, width int) string {
		var out bytes.Buffer
		require.NoError(t, drawVersions(t).Write(&out, format, width))
		return out.String()
	})
}

// The schema rejects invalid documents.
func TestVersionsSchemaRefuses(t *testing.T) {
	const good = `{"schema":"quire-project/versions/v1","projections":[{"name":"jobs","store":null,"program":2}],` +
		`"generations":[{"number":0,"state":"live","projections":{"jobs":2}}],"runs":[{"run_id":"a","projections":{"jobs":1}}]}`
	refuses(t, "versions", good, [][2]string{
		{"versions/v1", "versions/v2"}, {`"name":"jobs",`, ``}, {`"store":null,`, ``}, {`"program":2`, `"program":0`}, {`"live"`, `"lost"`},
		{`"number":0`, `"number":-1`}, {`{"jobs":1}`, `{"jobs":0}`}, {`"run_id":"a",`, ``}, {`"runs":`, `"more":1,"runs":`},
	})
}

// The tables fit the terminal, cannot control it, and count all runs.
func TestVersionsForPeople(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawVersions(t)
		columns := rapid.OneOf(rapid.Just(0), rapid.IntRange(40, 200)).Draw(t, "columns")
		var out bytes.Buffer
		require.NoError(t, v.Write(&out, Table, columns))
		for line := range strings.Lines(out.String()) {
			line = strings.TrimSuffix(line, "\n")
			require.False(t, strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }), "%q could control a terminal", line)
			if n := text.StringWidth(line); columns > 0 && n > columns && !strings.ContainsFunc(line, unsure) {
				t.Fatalf("%d columns do not fit %d: %s", n, columns, line)
			}
		}
		if n := len(v.Runs); n > 1 {
			require.Contains(t, out.String(), fmt.Sprintf("%d runs of other versions:\n", n))
		}
		require.Equal(t, len(v.Runs) > maxOtherRuns, strings.Contains(out.String(), "more; --to json has all\n"))
	})
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
