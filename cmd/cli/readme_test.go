package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var consoleBlock = regexp.MustCompile("(?s)```console\n\\$ (?:go run \\./cmd/)?quire-project ([^\n]*)\n(.*?)```")

// What the documentation shows of the program is what the program prints.
func TestConsoleExamples(t *testing.T) {
	t.Chdir("../..")
	shown := 0
	for _, page := range []string{"README.md", "docs/rows.md", "docs/wire.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, example := range consoleBlock.FindAllStringSubmatch(string(text), -1) {
			shown++
			var out, errs bytes.Buffer
			Run(t.Context(), strings.Fields(example[1]), &out, &errs)
			if got := out.String() + errs.String(); got != example[2] {
				t.Errorf("%s: quire-project %s prints\n%s\nand not\n%s", page, example[1], got, example[2])
			}
		}
	}
	if shown < 6 {
		t.Errorf("only %d examples were found", shown)
	}
}

var (
	link = regexp.MustCompile(`\]\(([^)#:]+)\)`)
	code = regexp.MustCompile("(?s)```.*?```")
)

// Links between the pages lead somewhere.
func TestLinks(t *testing.T) {
	t.Chdir("../..")
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "README.md", "docs/decisions/README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range link.FindAllStringSubmatch(code.ReplaceAllString(string(text), ""), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), found[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

// The README's Go is lines of an example that is compiled and run.
func TestGoExample(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("../../adapters/jsonl/example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```go\n(.*?)```").FindSubmatch(readme)
	if block == nil {
		t.Fatal("the README has no Go")
	}
	indented := regexp.MustCompile("(?m)^(.)").ReplaceAllString(string(block[1]), "\t$1")
	if want := strings.ReplaceAll(indented, `"fixtures/`, `"../../fixtures/`); !strings.Contains(string(example), want) {
		t.Errorf("the README's Go is not in the example:\n%s", want)
	}
}
