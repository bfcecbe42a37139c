package cli

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	rowType = regexp.MustCompile(`\bprojections\.(Job|ShEvent|JobTiming|ShTiming|SlowSh|Diagnostic|Label|Run|RunTiming|RunRow)\b`)

	// rowTypesIn lists the code that may name the row types of built-in projections. Most of it
	// are views, which show these rows in their own way.
	rowTypesIn = map[string]*regexp.Regexp{
		"adapters/live/":              rowType,
		"adapters/web/":               rowType,
		"adapters/internal/display/":  rowType,
		"adapters/report/digest.go":   rowType, // what tables, Markdown, summaries and failures show
		"adapters/report/table.go":    rowType,
		"adapters/report/markdown.go": rowType,
		"adapters/report/mermaid.go":  rowType,
		"adapters/report/check.go":    regexp.MustCompile(`\.Diagnostic$`),
		"adapters/storetest/view.go":  regexp.MustCompile(`\.ShTiming$`), // the view is of these rows
		// Lists of runs have their labels, and can be filtered by one.
		"adapters/internal/sqlstore/listing.go": regexp.MustCompile(`\.Label$`),
		"adapters/storetest/":                   regexp.MustCompile(`\.(Label|Run)$`),
		"cmd/cli/compare.go":                    regexp.MustCompile(`\.Label$`),
		// The row has the state of a run.
		"adapters/report/":    regexp.MustCompile(`\.Run$`),
		"adapters/follow/":    regexp.MustCompile(`\.Run$`),
		"adapters/otlp/":      regexp.MustCompile(`\.Run$`),
		"adapters/runlog/":    regexp.MustCompile(`\.ShEvent$`), // a log is of a command
		"cmd/cli/messages.go": regexp.MustCompile(`\.Run$`),
	}
)

// Formats, stores and commands treat added projections like built-in ones: they name no row type.
func TestRowTypesAreOfViews(t *testing.T) {
	found := 0
	for _, root := range []string{"adapters", "cmd"} {
		err := fs.WalkDir(os.DirFS("../.."), root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile("../../" + path)
			for _, name := range rowType.FindAllString(string(source), -1) {
				if found++; !mayName(path, name) {
					t.Errorf("%s names %s; let it go by the columns of a projections.Definition", path, name)
				}
			}
			return err
		})
		require.NoError(t, err)
	}
	assert.GreaterOrEqual(t, found, 20, "only")
}

func mayName(path, name string) bool {
	for prefix, types := range rowTypesIn {
		if strings.HasPrefix(path, prefix) && types.MatchString(name) {
			return true
		}
	}
	return false
}

// Commands open databases and brokers by their addresses, through packages that you can import. The
// core has no dependencies.
func TestImports(t *testing.T) {
	const module = "github.com/quire-ci/quire-project/"
	driver := regexp.MustCompile(`^` + module + `adapters/(sqlite|postgres|jetstream)$|^database/sql|jackc/pgx|modernc\.org|nats-io`)
	core := regexp.MustCompile(`^` + module + `(domain|projections)|^[a-z0-9]+(/|$)`)
	for _, test := range []struct {
		root string
		may  func(path, imported string) bool
	}{
		{"cmd", func(_, imported string) bool { return !driver.MatchString(imported) }},
		{"domain", func(_, imported string) bool { return core.MatchString(imported) }},
		{"projections", func(path, imported string) bool {
			return core.MatchString(imported) || strings.HasPrefix(path, "projections/laws/") && imported == "pgregory.net/rapid"
		}},
	} {
		err := fs.WalkDir(os.DirFS("../.."), test.root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), "../../"+path, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			for _, spec := range file.Imports {
				if imported, err := strconv.Unquote(spec.Path.Value); err != nil || !test.may(path, imported) {
					t.Errorf("%s imports %s", path, spec.Path.Value)
				}
			}
			return nil
		})
		require.NoError(t, err)
	}
}
