//go:build unix

package runlog

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Reading a pipe does not wait for a writer.
func testPipe(t *testing.T, folder string, d *Dir) {
	require.NoError(t, syscall.Mkfifo(filepath.Join(folder, "jobs", "pipe"), 0o600))
	require.NoError(t, syscall.Mkfifo(filepath.Join(folder, "jobs", "a", "sh-2.log"), 0o600))
	_, err := read(t, d, Command{"a", 2, 2, 2})
	require.ErrorContains(t, err, "sh-2.log: not a file")
	_, err = read(t, d, Command{"pipe", 1, 1, 1})
	require.Error(t, err)
}
