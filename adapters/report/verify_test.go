package report

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// documentSchema is the schema in docs/schema of one of the documents.
func documentSchema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("../../docs/schema/" + name + ".json")
	require.NoError(t, err)
	return schema
}

func validate(schema *jsonschema.Schema, document string) error {
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// writeStream draws a stream and writes it to a file.
func writeStream(t *rapid.T, path string) {
	var lines []byte
	for _, event := range laws.Events().Draw(t, filepath.Base(path)) {
		var err error
		if lines, err = jsonl.Append(lines, &event); err != nil {
			t.Fatal(err)
		}
	}
	if rapid.IntRange(0, 9).Draw(t, "malformed") == 0 {
		lines = append(lines, "[]\n"...)
	}
	require.NoError(t, os.WriteFile(path, lines, 0o666))
}

// differ writes the differences between a stream and the rows of another one.
func differ(t *rapid.T, folder string, format Format, width int) (string, Verification) {
	path := filepath.Join(folder, "run.jsonl")
	source := jsonl.Locate(path)
	source.Run = domain.RunID(rapid.OneOf(rapid.Just("run"), laws.Text().Filter(func(id string) bool {
		return store.CheckRunID(domain.RunID(id)) == nil
	})).Draw(t, "run"))
	s := memory.New()
	writeStream(t, path)
	// If the stream is malformed, the store stays empty, which is a difference, too.
	_, _ = store.Ingest(t.Context(), s, source.Source(jsonl.Options{}), store.Options{})
	grown := rapid.Bool().Draw(t, "grown")
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	writeStream(t, path)
	if grown {
		more, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, append(before, more...), 0o666))
	}
	var out bytes.Buffer
	skipped := 0
	v, err := Verify(t.Context(), &out, s, store.Single(source.Source(jsonl.Options{})), VerifyOptions{
		Format: format, Width: width, Skipped: func(error) { skipped++ },
	})
	if err != nil || v.Runs+v.Skipped != 1 || skipped != v.Skipped {
		t.Fatal(v, err)
	}
	return out.String(), v
}

// The document is valid against docs/schema/verify.json.
func TestVerifyDocument(t *testing.T) {
	schema := documentSchema(t, "verify")
	folder := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		out, v := differ(t, folder, JSON, 0)
		require.NoError(t, validate(schema, out), out)
		if strings.Count(out, "\n") != 1 || !strings.HasSuffix(out, "\n") {
			t.Fatalf("%q is not one line", out)
		}
		if n := strings.Count(out, `{"kind":"`); n != v.Differences+v.Behind {
			t.Fatalf("%d differences are counted as %d and %d", n, v.Differences, v.Behind)
		}
	})
}

// The schema rejects invalid documents.
func TestVerifySchemaRefuses(t *testing.T) {
	const good = `{"schema":"quire-project/verify/v1","differences":[` +
		`{"kind":"differs","run_id":"r","table":"sh_events","key":{"job_id":"a","seq":1},"column":"cmd","stored":"x","derived":"y"},` +
		`{"kind":"missing","run_id":"r","table":"runs","key":{},"column":"","stored":null,"derived":{"run_id":"r"}},` +
		`{"kind":"behind","run_id":"r","table":"checkpoints","key":{},"column":"end_bytes","stored":9,"derived":null}` +
		`],"set_aside":[{"run_id":"m","source":"/m.jsonl","reason":"malformed"}],"runs":1,"mend":"rebuild"}`
	refuses(t, "verify", good, [][2]string{
		{`verify/v1`, `verify/v2`},
		{`"runs":1`, `"runs":-1`},
		{`,"runs":1`, ``},
		{`"differs"`, `"other"`},
		{`"job_id":"a",`, ``},
		{`"cmd"`, `""`},
		{`"stored":null`, `"stored":{}`},
		{`"derived":{"run_id":"r"}`, `"derived":null`},
		{`"reason":"malformed"`, `"reason":null`},
		{`"mend":"rebuild"`, `"mend":""`},
		{`"stored":9`, `"stored":"9"`},
		{`"end_bytes"`, `"events"`},
		{`"key":{}`, `"key":{"position":1}`},
	})
}

// A table has a line for each difference, fits the terminal, and contains nothing that could
// control it.
func TestVerifyTable(t *testing.T) {
	folder := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.OneOf(rapid.Just(0), rapid.IntRange(40, 200)).Draw(t, "width")
		out, v := differ(t, folder, Table, width)
		count := v.Differences + v.Behind
		if count == 0 {
			require.Equal(t, "", out, "no difference")
			return
		}
		headers := (count + tableRows - 1) / tableRows
		if got, want := strings.Count(out, "\n"), count+2*headers-1; got != want {
			t.Fatalf("%d differences have %d lines, not %d", count, got, want)
		}
		fits(t, out, width)
	})
}

// unsure reports whether the width of a character beside others is uncertain.
func unsure(r rune) bool { return r >= 0x300 && !strings.ContainsRune("…–日本😀√\uFFFD", r) }

// However short the values are cut, their difference is visible.
func TestWindow(t *testing.T) {
	long := rapid.StringOfN(rapid.RuneFrom([]rune("ab日é")), 0, 200, -1)
	rapid.Check(t, func(t *rapid.T) {
		same := long.Draw(t, "same")
		a, b := same+long.Draw(t, "a"), same+long.Draw(t, "b")
		widthA, widthB := rapid.IntRange(7, 60).Draw(t, "width a"), rapid.IntRange(7, 60).Draw(t, "width b")
		shortA, shortB := window(a, b, widthA, widthB)
		require.LessOrEqual(t, text.StringWidth(shortA), widthA)
		require.LessOrEqual(t, text.StringWidth(shortB), widthB)
		if (a == b) != (shortA == shortB) && widthA == widthB {
			t.Fatalf("%q and %q become %q and %q", a, b, shortA, shortB)
		}
	})
}
