package shell_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

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
	before := open()
	code := m.Run()
	if left := leaks(before); code == 0 && left != "" {
		fmt.Fprintln(os.Stderr, left)
		code = 1
	}
	os.Exit(code)
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

// open counts the open files.
func open() int {
	files, _ := os.ReadDir("/proc/self/fd") // none, where there is no such folder
	return len(files)
}

// leaks returns what the tests have left behind, after some time to end.
func leaks(before int) string {
	var goroutines, files int
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		// What is left are those of main, of signals, and a few of the runtime.
		if goroutines, files = runtime.NumGoroutine(), open(); goroutines <= 3 && files <= before+3 {
			return ""
		}
	}
	stacks := make([]byte, 1<<20)
	return fmt.Sprintf("leaked: %d files, %d goroutines\n%s", files-before, goroutines, stacks[:runtime.Stack(stacks, true)])
}
