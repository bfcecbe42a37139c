package report_test

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
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
	if got != want {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
}

func TestTableOfATornStream(t *testing.T) {
	got := write(t, report.Table, fixtures(t)["../../fixtures/crashed-torn.jsonl"], report.Options{})
	for _, want := range []string{"… run-1 unfinished", "1 command unfinished", "test    … unfinished      –", "torn_tail"} {
		if !strings.Contains(got, want) {
			t.Errorf("the table lacks %q:\n%s", want, got)
		}
	}
}

func TestTableColors(t *testing.T) {
	entries := fixtures(t)["../../fixtures/cobra-failing.jsonl"]
	plain, colored := write(t, report.Table, entries, report.Options{}), write(t, report.Table, entries, report.Options{Color: true})
	if !strings.Contains(colored, "\x1b[31m✗ failed\x1b[0m") || !strings.Contains(colored, "\x1b[32m✓ complete\x1b[0m") {
		t.Errorf("no colours in\n%s", colored)
	}
	if stripped := regexp.MustCompile("\x1b\\[[0-9]+m").ReplaceAllString(colored, ""); stripped != plain {
		t.Errorf("colours change the table to\n%s", stripped)
	}
}

func TestTableFitsTheTerminal(t *testing.T) {
	got := write(t, report.Table, fixtures(t)["../../fixtures/cobra-failing.jsonl"], report.Options{Width: 100,
		Sections: report.Selection{report.ShEvents}})
	for line := range strings.Lines(got) {
		if n := len([]rune(line)); n > 101 {
			t.Errorf("a line is %d wide: %s", n, line)
		}
	}
}

// What is for people shows no control character, whatever the stream holds.
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

// hostile is text that would be markup, a mention, a link or another cell.
var hostile = []string{
	"a|b", "`x`", "<script>alert(1)</script>", "&lt;", "**bold**", "[x](http://evil)", "@everyone", "#1", "https://evil.example",
	"www.evil.example", "$x$", "~~x~~", `\|`, "![i](u)", "x\n| y |", "<!-- -->", "</code>",
}

func TestMarkdownIsEscaped(t *testing.T) {
	for _, text := range hostile {
		got := write(t, report.Markdown, []domain.Entry{
			{Event: domain.NewJobStarted(0, text), Position: domain.Position{Line: 1}},
			{Event: domain.NewShStarted(1, text, text), Position: domain.Position{Line: 2}},
		}, report.Options{Sections: report.Selection{report.ShEvents}})
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
			if got := html.UnescapeString(cell); got != report.Printable(text) {
				t.Errorf("%q reads as %q", text, got)
			}
		}
	}
}

func TestMarkdownIsCutBeforeAMegabyte(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, on one goroutine")
	}
	for _, commands := range []int{10, 30_000} {
		var entries []domain.Entry
		for i := range commands {
			entries = append(entries, domain.Entry{
				Event:    domain.NewShStarted(int64(i), "a", strings.Repeat("<", 50)),
				Position: domain.Position{Line: int64(i + 1)},
			})
		}
		got := write(t, report.Markdown, entries, report.Options{})
		if len(got) > 1_000_000 {
			t.Errorf("%d commands make %d bytes", commands, len(got))
		}
		left := 0
		if i := strings.LastIndex(got, "\n*"); i >= 0 {
			if _, err := fmt.Sscanf(got[i:], "\n*%d rows left out", &left); err != nil {
				t.Fatalf("%v in %s", err, got[i:])
			}
		}
		// A command has a row, and its job has one.
		if rows := strings.Count(got, "<code>") + strings.Count(got, "overlapping_sh") + strings.Count(got, "orphan_sh_start") + 1; rows+left != 3*commands {
			t.Errorf("%d commands: %d rows and %d left out", commands, rows, left)
		}
	}
}
