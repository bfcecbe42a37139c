package shell_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/stretchr/testify/require"
)

// The tests start their own program again as a process that they kill or limit.
const (
	helperEnv = "QUIRE_TEST_HELPER"
	folderEnv = "QUIRE_TEST_FOLDER"
)

var helpers = map[string]func(folder string) error{"full": fullDisk, "crash": crashing}

func TestMain(m *testing.M) {
	if help, ok := helpers[os.Getenv(helperEnv)]; ok {
		if err := help(os.Getenv(folderEnv)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(waittest.Main(m))
}

// helper returns a command that starts this program to run the function name, with a
// script before its path.
func helper(t testing.TB, name, script string) *exec.Cmd {
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command("/bin/sh", "-c", script+`"$0"`, self)
	cmd.Env = append(os.Environ(), helperEnv+"="+name, folderEnv+"="+t.TempDir())
	cmd.Stderr = os.Stderr
	return cmd
}
