package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// duckdbVersion is the version of npm's @duckdb/node-api that runs the queries.
const duckdbVersion = "1.5.6-r.1"

// duckdbScript runs its arguments as SQL, and prints the rows of each.
const duckdbScript = `import { DuckDBInstance } from '@duckdb/node-api';
const connection = await (await DuckDBInstance.create(':memory:')).connect();
for (const sql of process.argv.slice(2)) {
	for (const row of (await connection.runAndReadAll(sql)).getRowsJson()) console.log(JSON.stringify(row));
}
`

var dataExample = regexp.MustCompile("(?s)```(sql duckdb sqlite|sql duckdb|python)\n(.*?)```")

// dataExamples returns the examples of docs/data-tools.md in a language.
func dataExamples(t *testing.T, language string) (examples []string) {
	for _, example := range dataExample.FindAllStringSubmatch(read(t, "docs/data-tools.md"), -1) {
		if example[1] == language {
			examples = append(examples, example[2])
		}
	}
	require.NotEmpty(t, examples)
	return examples
}

// dataFolder returns a folder with the files that the first example of docs/data-tools.md writes.
func dataFolder(t *testing.T) string {
	folder := t.TempDir()
	fixtures, err := filepath.Abs(filepath.Join(root, "fixtures"))
	require.NoError(t, err)
	for _, to := range [][]string{{"ndjson", "-o", "runs.ndjson"}, {"sqlite:quire.db"}} {
		runIn(t, folder, filepath.Join(programs(), "quire-project"), append([]string{fixtures, "--to"}, to...)...)
	}
	return folder
}

func runIn(t *testing.T, folder, program string, args ...string) string {
	cmd := exec.Command(program, args...)
	cmd.Dir = folder
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)
	return string(said)
}

// DuckDB runs the queries of docs/data-tools.md, and each has rows.
func TestDuckDB(t *testing.T) {
	for _, tool := range []string{"npm", "node"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	folder := dataFolder(t)
	install := exec.Command("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts", "--prefix", folder, "@duckdb/node-api@"+duckdbVersion)
	if said, err := install.CombinedOutput(); err != nil {
		t.Skipf("DuckDB cannot be installed from npm: %v: %s", err, said)
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "run.mjs"), []byte(duckdbScript), 0o666))
	for i, sql := range dataExamples(t, "sql duckdb") {
		said := runIn(t, folder, "node", "run.mjs", sql)
		assert.Contains(t, said, `"build"`, "query %d", i+1)
	}
	t.Run("sqlite", func(t *testing.T) {
		for _, sql := range dataExamples(t, "sql duckdb sqlite") {
			get := exec.Command("node", "run.mjs", "INSTALL sqlite")
			get.Dir = folder
			if said, err := get.CombinedOutput(); err != nil {
				t.Skipf("an extension of DuckDB cannot be downloaded: %.200s", said)
			}
			assert.Contains(t, runIn(t, folder, "node", "run.mjs", sql), `"build"`)
		}
	})
}

// pandas runs the examples of docs/data-tools.md, and each has rows.
func TestPandas(t *testing.T) {
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import pandas").Run() != nil {
			continue
		}
		folder := dataFolder(t)
		for i, example := range dataExamples(t, "python") {
			assert.Regexp(t, `(?m)^build\b`, runIn(t, folder, python, "-c", example), fmt.Sprintf("example %d", i+1))
		}
		return
	}
	t.Skip("needs Python with pandas")
}
