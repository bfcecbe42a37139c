package docs

import (
	"context"
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/broker/metrics"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// generated is a part of a page that follows from the code, and its name.
var generated = regexp.MustCompile(`(?s)(<!-- (\S+): go test ./docs -update writes this -->\n).*?(<!-- end -->)`)

// The generated parts of pages agree with the code.
func TestGenerated(t *testing.T) {
	parts := map[string]string{"metrics": metricsTable(t), "packages": packagesTable(t), "imports": importsPicture(t)}
	for _, d := range projections.Builtin.All() {
		if d.Reported {
			parts[d.Name] = columnsTable(d)
		}
	}
	for _, name := range []string{"ingest", "catchUp", "followRuns", "publishFile", "publishLines", "work", "addHandler"} {
		parts["func-"+name] = functionBlock(t, name)
	}
	for _, path := range pages(t) {
		page := read(t, path)
		want := generated.ReplaceAllStringFunc(page, func(found string) string {
			match := generated.FindStringSubmatch(found)
			part, ok := parts[match[2]]
			if !ok {
				t.Errorf("%s: there is no part %q, or two pages have it", path, match[2])
			}
			delete(parts, match[2])
			return match[1] + part + match[3]
		})
		same(t, path, page, want)
	}
	for name := range parts {
		t.Errorf("no page has the part %q", name)
	}
}

// packagesTable lists the packages with the first sentences of their documentation.
func packagesTable(t *testing.T) string {
	cmd := exec.Command("go", "list", "-f", `{{if .Doc}}{{.ImportPath}} {{.Doc}}{{end}}`, "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	require.NoError(t, err)
	var b strings.Builder
	b.WriteString("| package | |\n| --- | --- |\n")
	for line := range strings.Lines(string(out)) {
		path, doc, _ := strings.Cut(strings.TrimSpace(line), " ")
		path = strings.TrimPrefix(path, "github.com/quire-ci/quire-project/")
		doc = synopsis.ReplaceAllString(doc, "")
		doc = strings.NewReplacer("[", "", "]", "", "|", "\\|").Replace(doc)
		fmt.Fprintf(&b, "| `%s` | %s |\n", path, doc)
	}
	return b.String()
}

var synopsis = regexp.MustCompile(`^(?:Package|Command) \S+ (?:is )?`)

func columnsTable(d *projections.Definition) string {
	var b strings.Builder
	b.WriteString("| column | type | |\n| --- | --- | --- |\n")
	for _, c := range d.Columns {
		kind := c.Type.String()
		if c.Bits == 32 {
			kind += ", 32 bits"
		}
		if len(c.Values) > 0 && len(c.Values) < 5 {
			kind = "`" + strings.Join(c.Values, "`, `") + "`"
		}
		if c.Nullable {
			kind += " or null"
		}
		name := "`" + c.Name + "`"
		if c.Key {
			name += " (key)"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, kind, c.Doc)
	}
	return b.String()
}

func metricsTable(t *testing.T) string {
	registry := prometheus.NewRegistry()
	metrics.New(registry)
	metrics.NewRuns(registry).Written([]store.WrittenRun{
		{Run: store.Run{Run: projections.Run{RunID: "a", State: projections.Active}}},
		{Run: store.Run{Run: projections.Run{RunID: "b", Ended: true}, RunTiming: projections.RunTiming{WallMs: projections.Some[int64](1)}}, Ends: true},
	}, time.Now())
	registry.MustRegister(metrics.Status{
		Lag:         func(context.Context) (map[int]int64, error) { return map[int]int64{0: 1}, nil },
		Quarantined: func(context.Context) (int64, error) { return 0, nil },
	}.Collector())
	families, err := registry.Gather()
	require.NoError(t, err)
	var b strings.Builder
	b.WriteString("| metric | type | |\n| --- | --- | --- |\n")
	for _, f := range families {
		name := f.GetName()
		var labels []string
		for _, label := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, label.GetName())
		}
		if labels != nil {
			name += "{" + strings.Join(labels, ", ") + "}"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, strings.ToLower(f.GetType().String()), f.GetHelp())
	}
	return b.String()
}

const module = "github.com/quire-ci/quire-project/"

type side struct {
	name     string
	packages []string
}

// sides are the groups of the picture of imports. Internal packages, test kits and fixtures are in
// none.
var sides = []side{
	{"programs", []string{"cmd/quire-project", "cmd/quire-ci", "cmd/cli"}},
	{"where events come from", []string{"adapters/jsonl", "adapters/tail", "adapters/follow", "adapters/broker", "adapters/brokers", "adapters/jetstream", "adapters/shell", "adapters/pipeline", "adapters/signals", "adapters/runlog", "adapters/kept"}},
	{"where they go", []string{"adapters/report", "adapters/formats", "adapters/live", "adapters/console", "adapters/recording", "adapters/terminal", "adapters/publish", "adapters/sqlite", "adapters/postgres", "adapters/stores", "adapters/otlp", "adapters/web", "adapters/worker"}},
	{"core", []string{"projections/trends", "projections/compare", "projections/store", "projections", "domain"}},
}

// aside are packages that the picture leaves out.
var aside = []string{"internal/", "adapters/storetest", "adapters/jetstream/natstest", "adapters/broker/metrics", "projections/laws", "projections/parallel", "projections/store/memory", "fixtures", "docs", ".ci"}

// importsPicture draws which package imports which. An import that others imply is left out.
func importsPicture(t *testing.T) string {
	imports := packageImports(t)
	var b strings.Builder
	b.WriteString("```mermaid\nflowchart TD\n")
	for i, side := range sides {
		fmt.Fprintf(&b, "    subgraph s%d [\"%s\"]\n", i, side.name)
		for _, name := range side.packages {
			if _, ok := imports[name]; !ok {
				t.Errorf("there is no package %s", name)
			}
			fmt.Fprintf(&b, "        %s[\"%s\"]\n", node(name), name)
		}
		b.WriteString("    end\n")
	}
	for _, from := range slices.Sorted(maps.Keys(imports)) {
		for _, to := range imports[from] {
			if !implied(imports, from, to) {
				fmt.Fprintf(&b, "    %s --> %s\n", node(from), node(to))
			}
		}
	}
	b.WriteString("```\n")
	return b.String()
}

func node(name string) string { return strings.NewReplacer("/", "_", "-", "_").Replace(name) }

// packageImports returns the packages of the picture with their imports of each other.
func packageImports(t *testing.T) map[string][]string {
	t.Helper()
	list := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatal("go list: ", err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		name := strings.TrimPrefix(fields[0], module)
		if slices.ContainsFunc(aside, func(part string) bool { return strings.HasPrefix(name, part) || strings.Contains(name, "/"+part) }) {
			continue
		}
		all[name] = nil
		for _, path := range fields[1:] {
			if own, ok := strings.CutPrefix(path, module); ok {
				all[name] = append(all[name], own)
			}
		}
	}
	for name, found := range all {
		if !slices.ContainsFunc(sides, func(s side) bool { return slices.Contains(s.packages, name) }) {
			t.Errorf("package %s is on no side of the picture", name)
		}
		all[name] = slices.DeleteFunc(found, func(to string) bool { _, ok := all[to]; return !ok })
	}
	return all
}

// implied reports whether from imports to through another package.
func implied(imports map[string][]string, from, to string) bool {
	for _, by := range imports[from] {
		if by != to && reaches(imports, by, to) {
			return true
		}
	}
	return false
}

func reaches(imports map[string][]string, from, to string) bool {
	return slices.ContainsFunc(imports[from], func(by string) bool { return by == to || reaches(imports, by, to) })
}
