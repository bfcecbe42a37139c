package web

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The generated files are up to date.
func TestGenerated(t *testing.T) {
	source, err := os.ReadFile("assets.go")
	require.NoError(t, err)
	commands := regexp.MustCompile(`(?m)^//go:generate (.*) --outfile=(\S+) (\S+)$`).FindAllStringSubmatch(string(source), -1)
	require.Len(t, commands, 2)
	for _, c := range commands {
		made := filepath.Join(t.TempDir(), filepath.Base(c[2]))
		command := strings.Fields(c[1])
		out, err := exec.Command(command[0], append(command[1:], "--log-level=warning", "--outfile="+made, c[3])...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		want, err := os.ReadFile(made)
		require.NoError(t, err)
		have, err := os.ReadFile(c[2])
		require.NoError(t, err)
		require.Equal(t, string(want), string(have), "run go generate ./adapters/web")
	}
}
