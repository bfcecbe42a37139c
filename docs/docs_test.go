// Package docs tests the pages of this folder and the README: their examples, their tables,
// their code and their links.
package docs

import (
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the output of examples, and generated tables, into the pages")

const root = ".."

// pages returns the paths of all pages below the root.
func pages(t *testing.T) []string {
	t.Helper()
	found := []string{"README.md"}
	err := filepath.WalkDir(root+"/docs", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			found = append(found, strings.TrimPrefix(filepath.ToSlash(path), root+"/"))
		}
		return err
	})
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(found), 10)
	return found
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	return string(text)
}

// same compares a page with its expected text, and with -update writes it.
func same(t *testing.T, path, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	if *update {
		require.NoError(t, os.WriteFile(filepath.Join(root, path), []byte(want), 0o666))
		return
	}
	t.Errorf("%s is not up to date; go test ./docs -update writes\n%s", path, difference(got, want))
}

// difference returns the lines in which two texts differ.
func difference(got, want string) string {
	have, need := strings.Split(got, "\n"), strings.Split(want, "\n")
	for len(have) > 0 && len(need) > 0 && have[0] == need[0] {
		have, need = have[1:], need[1:]
	}
	for len(have) > 0 && len(need) > 0 && have[len(have)-1] == need[len(need)-1] {
		have, need = have[:len(have)-1], need[:len(need)-1]
	}
	return strings.Join(need, "\n") + "\ninstead of\n" + strings.Join(have, "\n")
}

var (
	consoleBlock = regexp.MustCompile("(?ms)^```console\n(.*?)^```$")
	goBlock      = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")
	// A command is a line with its here-document.
	prompt = regexp.MustCompile(`(?ms)^\$ ([^\n]*<<'EOF'\n.*?^EOF|[^\n]*)\n`)
	// These differ each time.
	changing = regexp.MustCompile(`\b(?:[0-9]+m)?[0-9.]+m?s\b|[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:.]+Z?|\b[0-9]{13}\b`)
	spaces   = regexp.MustCompile(` +`)
	// follow prints this if it is faster than the writer of the stream.
	waits = regexp.MustCompile(`(?m)^quire-project: waiting for .*\n`)
)

// checkout is what the pages call the folder in which you type.
const checkout = "/home/you/quire-project"

const outputEnds = "--- this is where the output ends"

// elsewhere names the pages whose examples other packages run.
var elsewhere = []string{"docs/projections.md", "docs/pipeline.md"}

// The commands of a page, typed one after the other in a checkout, print what the page shows. Times
// are compared only if they are those of a recorded run.
func TestConsole(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs bash")
	}
	shown := 0
	for _, path := range pages(t) {
		page := read(t, path)
		blocks := consoleBlock.FindAllStringSubmatchIndex(page, -1)
		if len(blocks) == 0 || slices.Contains(elsewhere, path) {
			continue
		}
		shown += len(blocks)
		t.Run(path, func(t *testing.T) {
			if _, err := exec.LookPath("sqlite3"); err != nil && strings.Contains(page, "$ sqlite3") {
				t.Skip("needs sqlite3")
			}
			var b strings.Builder
			outputs := outputsOf(t, bash, scriptOf(path, page, blocks))
			end := 0
			for _, block := range blocks {
				for _, command := range prompt.FindAllStringSubmatchIndex(page[block[2]:block[3]], -1) {
					b.WriteString(page[end : block[2]+command[1]])
					end = block[2] + outputEnd(page[block[2]:block[3]], command[1])
					was := page[block[2]+command[1] : end]
					if stable(was) == stable(outputs[0]) && strings.HasPrefix(path, "docs/tutorial-") {
						outputs[0] = was
					}
					b.WriteString(outputs[0])
					outputs = outputs[1:]
				}
			}
			b.WriteString(page[end:])
			same(t, path, page, b.String())
		})
	}
	assert.GreaterOrEqual(t, shown, 10, "only")
}

// stable is an output without padding and without the parts that differ each time.
func stable(output string) string {
	return spaces.ReplaceAllString(changing.ReplaceAllString(waits.ReplaceAllString(output, ""), "TIME"), " ")
}

// outputEnd returns where the output ends that begins at an index of a block.
func outputEnd(block string, begins int) int {
	if next := prompt.FindStringIndex(block[begins:]); next != nil {
		return begins + next[0]
	}
	return len(block)
}

// scriptOf returns the commands of a page's blocks. The Go of a tutorial goes into main.go.
func scriptOf(path, page string, blocks [][]int) string {
	script, end := "exec 2>&1\n", 0
	for _, block := range blocks {
		for _, code := range goBlock.FindAllStringSubmatch(page[end:block[0]], -1) {
			if strings.HasPrefix(path, "docs/tutorial-") {
				script += "cat >> main.go <<'GO'\n" + code[1] + "GO\n"
			}
		}
		end = block[1]
		for _, command := range prompt.FindAllStringSubmatch(page[block[2]:block[3]], -1) {
			script += command[1] + "\necho '" + outputEnds + "'\n"
		}
	}
	return script
}

// outputsOf runs a script in a folder that looks like a checkout, and returns the output of each
// command.
func outputsOf(t *testing.T, bash, script string) []string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"fixtures", "cmd"} {
		from, err := filepath.Abs(filepath.Join(root, name))
		require.NoError(t, err)
		if err := os.Symlink(from, filepath.Join(folder, name)); err != nil {
			t.Skip(err)
		}
	}
	module, err := filepath.Abs(root)
	require.NoError(t, err)
	script = strings.ReplaceAll(script, "quire-project=..", "quire-project="+module)
	cmd := exec.CommandContext(t.Context(), bash, "-c", script)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GONOSUMDB=*", "GOWORK=off", "PATH="+programs()+string(os.PathListSeparator)+os.Getenv("PATH"), "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%v\n%s", err, out)
	return strings.Split(strings.ReplaceAll(string(out), folder, checkout), outputEnds+"\n")
}

// programs returns the folder of both programs.
var programs = sync.OnceValue(func() string {
	folder, err := os.MkdirTemp("", "quire-docs")
	if err != nil {
		panic(err)
	}
	if out, err := exec.Command("go", "build", "-o", folder, root+"/cmd/quire-project", root+"/cmd/quire-ci").CombinedOutput(); err != nil {
		panic(string(out))
	}
	built = folder
	return folder
})

var built string

func TestMain(m *testing.M) {
	status := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(status)
}
