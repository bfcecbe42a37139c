package report

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/projections/compare"
)

// compared draws two runs and writes their comparison.
func compared(t *rapid.T, folder string, format Format, width int) (string, *compare.Comparison) {
	options := jsonl.Options{OnMalformed: jsonl.Skip}
	stream := func(name string) jsonl.Streams {
		path := filepath.Join(folder, name+".jsonl")
		writeStream(t, path)
		return jsonl.Streams{Paths: []string{path}, Options: options}
	}
	a, b := stream("a"), stream("b")
	if rapid.Bool().Draw(t, "the same") {
		a = b
	}
	history := jsonl.Streams{Paths: []string{folder}, Options: options}
	c, err := Compare(t.Context(), a, b, history, func(err error) { t.Error(err) })
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, WriteComparison(&out, format, width, c))
	return out.String(), c
}

// written draws data and writes it.
type written func(t *rapid.T, format Format, width int) string

func comparisons(t *testing.T) written {
	folder := t.TempDir()
	return func(t *rapid.T, format Format, width int) string {
		out, _ := compared(t, folder, format, width)
		return out
	}
}

// isDocument checks that the output is one line, and valid against a schema in docs/schema.
func isDocument(t *testing.T, name string, write written) {
	schema := documentSchema(t, name)
	rapid.Check(t, func(t *rapid.T) {
		out := write(t, JSON, 0)
		require.NoError(t, validate(schema, out), out)
		require.Equal(t, len(out)-1, strings.IndexByte(out, '\n'))
	})
}

// refuses checks that a schema accepts a document, and rejects each of its changes.
func refuses(t *testing.T, name, good string, changes [][2]string) {
	schema := documentSchema(t, name)
	require.NoError(t, validate(schema, good))
	for _, change := range changes {
		if bad := strings.Replace(good, change[0], change[1], 1); bad == good || validate(schema, bad) == nil {
			t.Errorf("it takes %s", bad)
		}
	}
}

// fitsTerminal checks that tables fit the width, and contain nothing that could control a terminal.
func fitsTerminal(t *testing.T, write written) {
	rapid.Check(t, func(t *rapid.T) {
		width := anyWidth(t)
		fits(t, write(t, Table, width), width)
	})
}

// anyWidth draws the width of a terminal; 0 is no limit.
func anyWidth(t *rapid.T) int {
	return rapid.OneOf(rapid.Just(0), rapid.IntRange(40, 200)).Draw(t, "width")
}

// fits checks that text fits the width, and contains nothing that could control a terminal.
func fits(t *rapid.T, out string, width int) {
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		require.False(t, strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }), "%q could control a terminal", line)
		if n := text.StringWidth(line); width > 0 && n > width && !strings.ContainsFunc(out, unsure) {
			t.Fatalf("%d columns do not fit %d: %s", n, width, line)
		}
	}
}

// The document is one line, and valid against docs/schema/compare.json.
func TestCompareDocument(t *testing.T) {
	isDocument(t, "compare", comparisons(t))
}

// The schema rejects invalid documents.
func TestCompareSchemaRefuses(t *testing.T) {
	const run = `{"run_id":"a","state":"complete","ended":true,"events":1,"unknown_events":0,"jobs":1,"failed_jobs":0,"sh_events":1,"failed_sh":0,"open_sh":0,"labels":[{"key":"k","value":"v"}],"clock_backwards":false}`
	const good = `{"schema":"quire-project/compare/v1","a":` + run + `,"b":` + run + `,"wall_ms":{"a":1,"b":3,"delta":2},` +
		`"account":{"matched_ms":2,"only_a_ms":0,"only_b_ms":0,"overlap_ms":0,"idle_ms":0},` +
		`"commands":[{"job_id":"j","cmd":"x","a":{"seq":1,"duration_ms":1,"exit_code":0},"b":{"seq":1,"duration_ms":3,"exit_code":0},"delta_ms":2,"verdict":"slower"},` +
		`{"job_id":"j","cmd":"y","a":null,"b":{"seq":2,"duration_ms":null,"exit_code":null},"delta_ms":null,"verdict":"none"}],` +
		`"matching":{"a":1,"b":2,"matched":1,"explained_percent":100},"history":{"runs":20,"left_out":[{"run_id":"c","reason":"r"}],"tested":1},"notes":["n"]}`
	require.NoError(t, validate(documentSchema(t, "compare"), strings.Replace(good, `{"matched_ms":2,"only_a_ms":0,"only_b_ms":0,"overlap_ms":0,"idle_ms":0}`, `null`, 1)))
	refuses(t, "compare", good, [][2]string{
		{`compare/v1`, `compare/v2`}, {`"delta":2`, `"delta":"2"`}, {`"wall_ms":{"a":1`, `"wall_ms":{"a":-1`}, {`"only_a_ms":0,`, ``},
		{`"slower"`, `"slow"`}, {`"a":null,"b":{"seq":2,"duration_ms":null,"exit_code":null}`, `"a":null,"b":null`},
		{`"seq":1`, `"seq":0`}, {`"explained_percent":100`, `"explained_percent":101`}, {`,"notes":["n"]`, ``},
		{`"delta_ms":null,"verdict":"none"`, `"delta_ms":null,"verdict":"faster"`}, {`"reason":"r"`, `"reason":null`},
	})
}

// A table fits the terminal, and contains nothing that could control it.
func TestCompareTable(t *testing.T) {
	fitsTerminal(t, comparisons(t))
}

// wholeLines returns how many rows a Markdown table of commands has. It fails if a row is cut.
func wholeLines(t rapid.TB, out string) (rows int) {
	require.LessOrEqual(t, len(out), MaxMarkdown)
	for line := range strings.Lines(out) {
		require.True(t, !strings.HasPrefix(line, "|") || strings.HasSuffix(line, " |\n"), "a row is cut: %q", line)
		if strings.Contains(line, "<code>") {
			rows++
		}
	}
	return rows
}

// Markdown has a row for each command that changed.
func TestCompareMarkdown(t *testing.T) {
	folder := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		out, c := compared(t, folder, Markdown, 0)
		require.Equal(t, len(changed(c)), wholeLines(t, out))
	})
}

// The Markdown of many commands fits into a comment, and says what is left out.
func TestCompareMarkdownFits(t *testing.T) {
	c := &compare.Comparison{}
	for range 1000 {
		c.Commands = append(c.Commands, compare.Command{JobID: strings.Repeat("|", 300), Cmd: strings.Repeat("<", 300), B: &compare.Side{Seq: 1}})
	}
	var out bytes.Buffer
	require.NoError(t, WriteComparison(&out, Markdown, 0, c))
	rows := wholeLines(t, out.String())
	assert.Greater(t, rows, 10)
	assert.Contains(t, out.String(), fmt.Sprintf("… %d more commands left out", 1000-rows))
}
