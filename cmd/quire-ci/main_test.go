package main

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the files that hold expected output anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"quire-ci": main})
}

// TestScripts runs testdata/script: the outputs and exit statuses of commands.
func TestScripts(t *testing.T) {
	readers := filepath.Dir(build(t, "../quire-project"))
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", env.Getenv("PATH")+string(filepath.ListSeparator)+readers)
			return nil
		},
		Condition: func(condition string) (bool, error) {
			_, err := os.Stat(condition[len("exists:"):])
			return err == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status,
			"empty":  empty,
		},
	})
}

// build builds a program without cgo, and so without the race detector, and returns its path. CI has
// compiled its packages in this way before.
func build(t testing.TB, folder string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), filepath.Base(folder))
	cmd := exec.Command("go", "build", "-o", path, folder)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// status runs a command, and fails unless it has the given exit status:
// status 6 quire-ci run
func status(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// empty fails unless a folder is empty: empty tmp
func empty(ts *testscript.TestScript, _ bool, args []string) {
	files, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(files) > 0 {
		ts.Fatalf("%s has %v in it", args[0], files)
	}
}
