package docs

import (
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/quire-ci/quire-project/"

type side struct {
	name     string
	packages []string
}

// sides are the groups of the picture of imports. Internal packages, tests' kits and
// fixtures are in none.
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

// packageImports returns the packages of the picture, and what they import of each other.
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

// implied reports whether from imports to by way of another package.
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
