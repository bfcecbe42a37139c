package report_test

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

func TestTable(t *testing.T) {
	got := write(t, report.Table, fixtures(t)["../../fixtures/cobra-failing.jsonl"], report.Options{})
	want := `✗ run-1 failed   2 jobs (1 failed) · 3 commands (1 failed) · 513ms · started 2026-11-23 14:41:54 UTC

JOB     STATE        EXIT   START    TOOK   COMMANDS   IN COMMANDS   BETWEEN
build   ✓ complete      0     0ms    93ms          1          93ms       0ms
test    ✗ failed        1    93ms   420ms          2         420ms       0ms

JOB     SH   STATE        EXIT   START    TOOK   COMMAND
build    1   ✓ complete      0     0ms    93ms   cd cobra && go build ./...
test     1   ✓ complete      0    93ms   417ms   set -euo pipefail\ncd cobra\nexport GOFLAGS="-count=1"\ngo test -run 'TestBash|TestGen' ./... | tee ../cobra.log
test     2   ✗ failed        1   510ms     3ms   grep -q 'no such line — ça échoue' cobra.log
`
	assert.Equal(t, want, got, "the table")
}

func TestTableOfATornStream(t *testing.T) {
	got := write(t, report.Table, fixtures(t)["../../fixtures/crashed-torn.jsonl"], report.Options{})
	for _, want := range []string{"… run-1 unfinished", "1 command unfinished", "test    … unfinished      –", "torn_tail"} {
		assert.Contains(t, got, want, "the table lacks")
	}
}

func TestTableColors(t *testing.T) {
	entries := fixtures(t)["../../fixtures/cobra-failing.jsonl"]
	plain, colored := write(t, report.Table, entries, report.Options{}), write(t, report.Table, entries, report.Options{Color: true})
	if !strings.Contains(colored, "\x1b[31m✗ failed\x1b[0m") || !strings.Contains(colored, "\x1b[32m✓ complete\x1b[0m") {
		t.Errorf("no colours in\n%s", colored)
	}
	assert.Equal(t, plain, regexp.MustCompile("\x1b\\[[0-9]+m").ReplaceAllString(colored, ""), "colours change the table")
}

// A table fits any terminal of at least 40 columns, whatever the streams contain: wide characters,
// long ids and large numbers.
func TestTableFitsTheTerminal(t *testing.T) {
	check := func(t rapid.TB, entries []domain.Entry, width int, chosen []*projections.Definition) {
		for line := range strings.Lines(write(t, report.Table, entries, report.Options{Width: width, Projections: chosen})) {
			line = strings.TrimSuffix(line, "\n")
			if n := text.StringWidth(line); n > width {
				t.Fatalf("a line has %d columns of %d: %q", n, width, line)
			}
		}
	}
	forEach(t, func(t rapid.TB, entries []domain.Entry) {
		for _, width := range []int{40, 41, 57, 80, 120, 200} {
			for _, chosen := range [][]*projections.Definition{nil, only("sh_events"), only("jobs"), only("timings.slowest"), only("diagnostics"), only("labels")} {
				check(t, entries, width, chosen)
			}
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOfN(rapid.RuneFrom([]rune("ab 日本ｱ😀e\u0301\x1b")), 0, 300, -1)
		var events []domain.Event
		for range rapid.IntRange(1, 12).Draw(t, "commands") {
			job, at := name.Draw(t, "job"), rapid.Int64().Draw(t, "at")
			events = append(events, domain.NewJobStarted(at, job), domain.NewShStarted(at, job, name.Draw(t, "cmd")),
				domain.NewShFinished(rapid.Int64().Draw(t, "end"), job, rapid.Int32().Draw(t, "code")),
				domain.NewJobFinished(rapid.Int64().Draw(t, "end"), job, domain.Complete))
		}
		check(t, laws.Entries(events), rapid.IntRange(40, 200).Draw(t, "width"), nil)
	})
}

// One long id does not widen other rows, and is not cut if nothing limits the width.
func TestOneLongIDDoesNotPadEveryRow(t *testing.T) {
	long := strings.Repeat("long-", 30)
	var events []domain.Event
	for _, job := range []string{"a", long, "b"} {
		events = append(events, domain.NewJobStarted(0, job), domain.NewShStarted(0, job, "make"), domain.NewShFinished(1, job, 0))
	}
	for _, width := range []int{0, 80} {
		got := write(t, report.Table, laws.Entries(events), report.Options{Width: width, Projections: only("jobs", "sh_events")})
		for line := range strings.Lines(got) {
			if isLong := strings.HasPrefix(line, "long-"); !isLong && len(line) > 150 || isLong && width == 0 && !strings.HasPrefix(line, long+" ") {
				t.Errorf("width %d: %q", width, line)
			}
		}
	}
}

// Formats for people contain no control characters, whatever the stream contains.
func TestNoControlCharacters(t *testing.T) {
	forEach(t, func(t rapid.TB, entries []domain.Entry) {
		for _, format := range []report.Format{report.Table, report.Markdown} {
			for _, r := range write(t, format, entries, report.Options{}) {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Fatalf("%s shows %U", format, r)
				}
			}
		}
	})
}

// hostile are texts that could be markup, a mention, a link or another cell.
var hostile = []string{
	"a|b", "`x`", "<script>alert(1)</script>", "&lt;", "**bold**", "[x](http://evil)", "@everyone", "#1", "https://evil.example",
	"www.evil.example", "$x$", "~~x~~", `\|`, "![i](u)", "x\n| y |", "<!-- -->", "</code>",
}

func TestMarkdownIsEscaped(t *testing.T) {
	for _, text := range hostile {
		got := write(t, report.Markdown, []domain.Entry{
			{Event: domain.NewJobStarted(0, text), Position: domain.Position{Line: 1}},
			{Event: domain.NewShStarted(1, text, text), Position: domain.Position{Line: 2}},
		}, report.Options{Projections: only("sh_events")})
		row := strings.Split(got, "\n")[3]
		cells := strings.Split(strings.Trim(row, "|"), "|")
		if len(cells) != 6 {
			t.Errorf("%q breaks the row %s", text, row)
			continue
		}
		job := strings.TrimSpace(cells[1])
		code := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(cells[5]), "<code>"), "</code>")
		for _, cell := range []string{job, code} {
			if rest := regexp.MustCompile(`&#[0-9]+;`).ReplaceAllString(cell, ""); strings.ContainsAny(rest, "\\`*_[]<>#|&~@:$") || strings.Contains(rest, "www.") {
				t.Errorf("%q stands as %s", text, cell)
			}
			assert.Equal(t, report.Printable(text), html.UnescapeString(cell))
		}
	}
}
