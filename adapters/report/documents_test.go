package report

import (
	"strings"
	"testing"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
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
	{"verify", 40, writeVerified, `{"schema":"quire-project/verify/v1","differences":[` +
		`{"kind":"differs","run_id":"r","table":"sh_events","key":{"job_id":"a","seq":1},"column":"cmd","stored":"x","derived":"y"},` +
		`{"kind":"missing","run_id":"r","table":"runs","key":{},"column":"","stored":null,"derived":{"run_id":"r"}},` +
		`{"kind":"behind","run_id":"r","table":"checkpoints","key":{},"column":"end_bytes","stored":9,"derived":null}` +
		`],"set_aside":[{"run_id":"m","source":"/m.jsonl","reason":"malformed"}],"runs":1,"repair":"rebuild"}`, [][2]string{
		{`verify/v1`, `verify/v2`}, {`"runs":1`, `"runs":-1`}, {`,"runs":1`, ``}, {`"differs"`, `"other"`}, {`"job_id":"a",`, ``}, {`"cmd"`, `""`}, {`"stored":null`, `"stored":{}`},
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
