package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"
)

var workflow = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// The workflow of docs/github.md is valid, and its own steps do what the page says.
func TestWorkflow(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if _, noGit := exec.LookPath("git"); err != nil || noGit != nil {
		t.Skip("needs bash and git")
	}
	var file struct {
		Jobs map[string]struct {
			Steps []struct{ Name, Run, If string }
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(workflow.FindStringSubmatch(read(t, "docs/github.md"))[1]), &file))
	folder := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(folder, ".quire"), 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(folder, ".quire", "ci.yaml"), []byte("jobs:\n  - id: test\n    sh: echo ::add-mask::wrong; exit 3\n"), 0o666))
	repository := exec.Command(bash, "-c", "git init -q && git -c user.name=a -c user.email=a@example.org commit -q --allow-empty -m a")
	repository.Dir = folder
	said, err := repository.CombinedOutput()
	require.NoError(t, err, "%s", said)
	var out []byte
	ran := 0
	for _, step := range file.Jobs["quire"].Steps {
		if !strings.HasPrefix(step.Run, "quire-") {
			continue
		}
		cmd := exec.Command(bash, "-e", "-c", step.Run)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "PATH="+programs()+string(os.PathListSeparator)+os.Getenv("PATH"), "RUNNER_TEMP="+filepath.Join(folder, "temp"), "GITHUB_STEP_SUMMARY="+filepath.Join(folder, "summary.md"))
		said, err := cmd.CombinedOutput()
		assert.Equal(t, err == nil, step.If != "", "%s: %v: %s", step.Name, err, said)
		out = append(out, said...)
		ran++
	}
	assert.Equal(t, 2, ran)
	assert.Regexp(t, `(?s)\n::error title=test/1 failed with exit 3::echo ::add-mask::wrong; exit 3
::group::test/1: echo ::add-mask::wrong; exit 3
::stop-commands::(\w+)
\\x3a:add-mask::wrong
::(\w+)::
::endgroup::
$`, string(out))
	summary, err := os.ReadFile(filepath.Join(folder, "summary.md"))
	require.NoError(t, err)
	assert.Contains(t, string(summary), "| ❌ | test | 1 | 3 |")
}
