package report

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
)

// documents are the results that have a document of their own and a table.
var documents = []struct {
	name    string
	least   int                                                              // width of the table
	write   func(t *rapid.T, folder string, format Format, width int) string // draws a result and writes it
	good    string                                                           // is valid
	changes [][2]string                                                      // make it invalid
}{
	{"compare", 40, func(t *rapid.T, folder string, format Format, width int) string {
		out, _ := compared(t, folder, format, width)
		return out
	}, goodComparison, [][2]string{
		{`compare/v1`, `compare/v2`}, {`"delta":2`, `"delta":"2"`}, {`"wall_ms":{"a":1`, `"wall_ms":{"a":-1`}, {`"only_a_ms":0,`, ``},
		{`"slower"`, `"slow"`}, {`"a":null,"b":{"seq":2,"duration_ms":null,"exit_code":null}`, `"a":null,"b":null`},
		{`"seq":1`, `"seq":0`}, {`"explained_percent":100`, `"explained_percent":101`}, {`,"notes":["n"]`, ``},
		{`"delta_ms":null,"verdict":"none"`, `"delta_ms":null,"verdict":"faster"`}, {`"reason":"r"`, `"reason":null`},
	}},
	{"compare-groups", 40, func(t *rapid.T, _ string, format Format, width int) string {
		return groupsAs(t, format, width, drawGroups(t))
	}, `{"schema":"quire-project/compare-groups/v1","a":` + goodGroup + `,"b":` + goodGroup + `,"wall":{` + goodShift + `,"commands":[{"job_id":"j","cmd":"x","nth":1,` + goodShift + `],"tested":2,"notes":["n"]}`, [][2]string{
		{"groups/v1", "groups/v2"}, {`"runs":3,"left`, `"runs":-1,"left`}, {`"reason":"r"`, `"reason":null`}, {`"nth":1`, `"nth":0`}, {`0.5`, `1.5`}, {`"ms":1`, `"ms":null`}, {`"low_ms":0`, `"low_ms":"0"`},
		{`"shift":null,`, ``}, {`"slower"`, `"bad"`}, {`"tested":2`, `"tested":"2"`}, {`["n"]`, `[null]`}, {`"job_id":"j"`, `"job_id":"j","more":1`},
	}},
	{"trends", 40, func(t *rapid.T, _ string, format Format, width int) string {
		return trendsAs(t, format, width, drawTrends(t))
	}, `{"schema":"quire-project/trends/v1","runs":3,"left_out":[{"run_id":"a","reason":"r"}],"commands":[{"repo":"","pipeline":"","job_id":"j","cmd":"x","count":3,"failed":1,"failure_rate":0.3,` +
		`"median_ms":1,"p95_ms":null,"changes":[{"run_id":"b","started_at_ms":-5,"before_ms":1,"after_ms":2001,"delta_ms":2000}]}],` +
		`"jobs":[{"repo":"r","pipeline":"p","job_id":"j","count":3,"failed":1,"failure_rate":0.3,"median_ms":1,"p95_ms":null,"changes":[],"stability":"flaky","flaky_shas":["s"]}],` +
		`"failures":[{"repo":"","pipeline":"","job_id":"j","cmd":"x","exit_code":-1,"last_line":"","count":1,"first_run":"a","last_run":"a"}]}`, [][2]string{
		{"trends/v1", "trends/v2"}, {`"repo":"r",`, ``}, {`"runs":3`, `"runs":-1`}, {`"reason":"r"`, `"reason":null`}, {`"count":3`, `"count":0`}, {`0.3`, `1.3`}, {`"median_ms":1`, `"median_ms":"1"`},
		{`"run_id":"b",`, ``}, {`"before_ms":1`, `"before_ms":null`}, {`"flaky"`, `"bad"`}, {`["s"]`, `[""]`}, {`"last_line":""`, `"last_line":null`}, {`"last_run":"a"`, `"last_run":"a","more":1`},
	}},
	{"rebuild", 90, writeVersioning, `{"schema":"quire-project/rebuild/v1","from":{"jobs":1},"to":{"jobs":2},"added_columns":{"jobs":["more"]},"removed_columns":{},"runs":{"compared":1,"differing":1,"carried":0,"behind":0},` +
		`"differences":[{"kind":"differs","projection":"jobs","column":"state","rows":1,"runs":1,"examples":[{"kind":"differs","run_id":"a","table":"jobs","key":{"job_id":"b"},"column":"state","stored":"x","derived":null}]}]}`, [][2]string{
		{"rebuild/v1", "rebuild/v2"}, {`"jobs":1`, `"jobs":0`}, {`["more"]`, `[]`}, {`"carried":0,`, ``}, {`"rows":1`, `"rows":0`},
		{`"kind":"differs","projection"`, `"kind":"behind","projection"`}, {`,"derived":null`, ``}, {`"differences":`, `"more":1,"differences":`},
	}},
	{"versions", 40, writeVersions, `{"schema":"quire-project/versions/v1","projections":[{"name":"jobs","store":null,"program":2}],` +
		`"generations":[{"number":0,"state":"live","projections":{"jobs":2}}],"runs":[{"run_id":"a","projections":{"jobs":1}}]}`, [][2]string{
		{"versions/v1", "versions/v2"}, {`"name":"jobs",`, ``}, {`"store":null,`, ``}, {`"program":2`, `"program":0`}, {`"live"`, `"lost"`},
		{`"number":0`, `"number":-1`}, {`{"jobs":1}`, `{"jobs":0}`}, {`"run_id":"a",`, ``}, {`"runs":`, `"more":1,"runs":`},
	}},
	{"quarantine", 40, writeWaiting, `{"schema":"quire-project/quarantine/v2","runs":[{"run_id":"r",` +
		`"quarantine":{"code":"missing","reason":"x","offset":7,"since":"2026-01-02T03:04:05Z"},` +
		`"projected":{"bytes":1,"lines":2,"events":3,"source":"s"},"parked":{"segments":1,"bytes":2,"first":3,"last":4,"age_ms":5}}]}`, [][2]string{
		{"quarantine/v2", "quarantine/v1"}, {`"missing"`, `"lost"`}, {`"run_id":"r",`, ``}, {`"offset":7`, `"offset":-1`},
		{`"reason":"x",`, ``}, {`"events":3,`, ``}, {`"last":4`, `"last":"4"`}, {`"age_ms":5`, `"age_ms":5,"data":"x"`},
	}},
	{"verify", 40, writeVerified, `{"schema":"quire-project/verify/v2","differences":[` +
		`{"kind":"differs","run_id":"r","table":"sh_events","key":{"job_id":"a","seq":1},"column":"cmd","stored":"x","derived":"y"},` +
		`{"kind":"missing","run_id":"r","table":"runs","key":{},"column":"","stored":null,"derived":{"run_id":"r"}},` +
		`{"kind":"behind","run_id":"r","table":"checkpoints","key":{},"column":"end_bytes","stored":9,"derived":null}` +
		`],"skipped":[{"run_id":"m","source":"/m.jsonl","reason":"malformed"}],"runs":1,"repair":"rebuild"}`, [][2]string{
		{`verify/v2`, `verify/v1`}, {`"runs":1`, `"runs":-1`}, {`,"runs":1`, ``}, {`"differs"`, `"other"`}, {`"job_id":"a",`, ``}, {`"cmd"`, `""`}, {`"stored":null`, `"stored":{}`},
		{`"derived":{"run_id":"r"}`, `"derived":null`}, {`"reason":"malformed"`, `"reason":null`}, {`"repair":"rebuild"`, `"repair":""`},
		{`"stored":9`, `"stored":"9"`}, {`"end_bytes"`, `"events"`}, {`"key":{}`, `"key":{"position":1}`},
	}},
}

const (
	goodRun        = `{"run_id":"a","state":"complete","ended":true,"events":1,"unknown_events":0,"jobs":1,"failed_jobs":0,"sh_events":1,"failed_sh":0,"open_sh":0,"labels":[{"key":"k","value":"v"}],"clock_backwards":false}`
	goodAccount    = `{"matched_ms":2,"only_a_ms":0,"only_b_ms":0,"overlap_ms":0,"idle_ms":0}`
	goodComparison = `{"schema":"quire-project/compare/v1","a":` + goodRun + `,"b":` + goodRun + `,"wall_ms":{"a":1,"b":3,"delta":2},"account":` + goodAccount + `,` +
		`"commands":[{"job_id":"j","cmd":"x","a":{"seq":1,"duration_ms":1,"exit_code":0},"b":{"seq":1,"duration_ms":3,"exit_code":0},"delta_ms":2,"verdict":"slower"},` +
		`{"job_id":"j","cmd":"y","a":null,"b":{"seq":2,"duration_ms":null,"exit_code":null},"delta_ms":null,"verdict":"none"}],` +
		`"matching":{"a":1,"b":2,"matched":1,"explained_percent":100},"history":{"runs":20,"left_out":[{"run_id":"c","reason":"r"}],"tested":1},"notes":["n"]}`
	goodShift = `"a":{"runs":3,"median":{"ms":1,"low_ms":0,"high_ms":2}},"b":null,"shift":null,"p_value":0.5,"corrected_p_value":null,"verdict":"slower"}`
	goodGroup = `{"conditions":"last=3","runs":3,"left_out":[{"run_id":"a","reason":"r"}]}`
)

// A document is one line, and valid against its schema in docs/schema, which rejects invalid ones. A
// table fits the terminal, and contains nothing that could control it.
func TestDocuments(t *testing.T) {
	for _, d := range documents {
		t.Run(d.name, func(t *testing.T) {
			schema, err := jsonschema.NewCompiler().Compile("../../docs/schema/" + d.name + ".json")
			require.NoError(t, err)
			require.NoError(t, validate(schema, d.good))
			require.NoError(t, validate(schema, strings.Replace(d.good, goodAccount, "null", 1)))
			for _, change := range d.changes {
				if bad := strings.Replace(d.good, change[0], change[1], 1); bad == d.good || validate(schema, bad) == nil {
					t.Errorf("it takes %s", bad)
				}
			}
			folder := t.TempDir()
			rapid.Check(t, func(t *rapid.T) {
				out := d.write(t, folder, JSON, 0)
				require.NoError(t, validate(schema, out), out)
				require.Equal(t, len(out)-1, strings.IndexByte(out, '\n'))
			})
			rapid.Check(t, func(t *rapid.T) {
				width := rapid.OneOf(rapid.Just(0), rapid.IntRange(d.least, 200)).Draw(t, "width")
				fits(t, d.write(t, folder, Table, width), width)
			})
		})
	}
}

func validate(schema *jsonschema.Schema, document string) error {
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// fits checks that text fits the width, 0 being any, and contains nothing that could control a
// terminal.
func fits(t *rapid.T, out string, width int) {
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		require.False(t, strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }), "%q could control a terminal", line)
		if n := text.StringWidth(line); width > 0 && n > width && !strings.ContainsFunc(line, unsure) {
			t.Fatalf("%d columns do not fit %d: %s", n, width, line)
		}
	}
}

// unsure reports whether the width of a character beside others is uncertain.
func unsure(r rune) bool { return r >= 0x300 && !strings.ContainsRune("…–日本😀√\uFFFD", r) }

// drawVersioning draws a result of comparing versions.
func drawVersioning(t *rapid.T) *store.Versioning {
	versions := rapid.MapOf(rapid.SampledFrom([]string{"jobs", "mine"}), rapid.IntRange(0, 9))
	count := rapid.IntRange(0, 3)
	v := &store.Versioning{
		From: versions.Draw(t, "from"), To: versions.Draw(t, "to"), Added: map[string][]string{"mine": {"a", "b"}}, Removed: map[string][]string{"jobs": {"c"}},
		Compared: count.Draw(t, "compared"), Differing: count.Draw(t, "differing"), Carried: count.Draw(t, "carried"), Behind: count.Draw(t, "behind"),
	}
	for range count.Draw(t, "differences") {
		d := store.VersionDifference{Kind: rapid.SampledFrom([]store.Kind{store.Differs, store.Missing, store.Extra}).Draw(t, "kind"), Projection: "jobs", Rows: 3, Runs: 1}
		e := store.Difference{Kind: d.Kind, RunID: domain.RunID(laws.Text().Draw(t, "run")), Table: "jobs", Key: store.Key{{Name: "job_id", Value: laws.Text().Draw(t, "job")}}}
		switch d.Kind {
		case store.Differs:
			d.Column, e.Column, e.Stored, e.Derived = "state", "state", laws.Text().Draw(t, "live"), nil
		case store.Missing:
			e.Derived = projections.Job{JobID: "a"}
		default:
			e.Stored = projections.Job{JobID: laws.Text().Draw(t, "job")}
		}
		d.Examples = []store.Difference{e, e, e}[:rapid.IntRange(1, 3).Draw(t, "examples")]
		v.Differences = append(v.Differences, d)
	}
	return v
}

// writeVersioning leaves out the line of counts, which is not fitted to the width.
func writeVersioning(t *rapid.T, _ string, format Format, width int) string {
	var out bytes.Buffer
	require.NoError(t, WriteVersioning(&out, format, width, drawVersioning(t)))
	return regexp.MustCompile(`(?m)^\d+ runs? compared.*\n`).ReplaceAllString(out.String(), "")
}

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

// drawWaiting draws the waiting runs of a store.
func drawWaiting(t *rapid.T) []WaitingRun {
	codes := []store.QuarantineCode{store.MalformedSegment, store.MissingSegment, store.OtherStream, store.NotResumable}
	count := rapid.Int64Range(0, 1<<40)
	var runs []WaitingRun
	for range rapid.IntRange(0, 4).Draw(t, "runs") {
		w := store.Waiting{
			Run:      domain.RunID(laws.Text().Draw(t, "run")),
			Segments: rapid.IntRange(0, 1000).Draw(t, "segments"), Bytes: count.Draw(t, "bytes"),
			First: count.Draw(t, "first"), Last: count.Draw(t, "last"), Age: time.Duration(count.Draw(t, "age")),
		}
		if rapid.Bool().Draw(t, "quarantined") {
			w.Quarantine = &store.Quarantine{
				Code: rapid.SampledFrom(codes).Draw(t, "code"), Reason: laws.Text().Draw(t, "reason"),
				Offset: count.Draw(t, "offset"), Since: time.UnixMilli(count.Draw(t, "since")),
			}
		}
		var checkpoint store.Checkpoint
		if rapid.Bool().Draw(t, "begun") {
			checkpoint.End = domain.Mark{Bytes: count.Draw(t, "end"), Lines: count.Draw(t, "lines")}
			checkpoint.Events, checkpoint.Source = count.Draw(t, "events"), laws.Text().Draw(t, "source")
		}
		runs = append(runs, newWaitingRun(&w, checkpoint))
	}
	return runs
}

// writeWaiting also checks that the list has a line for each run, and the description a block.
func writeWaiting(t *rapid.T, _ string, format Format, width int) string {
	runs := drawWaiting(t)
	var out bytes.Buffer
	require.NoError(t, WriteWaiting(&out, format, width, runs))
	if format == Table && len(runs) > 0 {
		require.Equal(t, len(runs)+1, strings.Count(out.String(), "\n"))
		full := "\n"
		for i := range runs {
			full += runs[i].String()
		}
		fits(t, full, 0)
		require.Equal(t, len(runs), strings.Count(full, "\nrun "))
	}
	return out.String()
}
