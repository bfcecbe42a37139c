package cli

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the files of expected output again")

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "6"); err != nil { // tests mostly wait
		panic(err)
	}
	testscript.Main(m, map[string]func(){"quire-project": func() { Main() }})
}

// TestScripts runs testdata/script: the outputs and exit statuses of commands.
func TestScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("the programs of the other scripts do more at once")
	}
	t.Parallel()
	testscript.Run(t, scriptParams("testdata/script"))
}

func scriptParams(folder string) testscript.Params {
	return testscript.Params{
		Dir:           folder,
		UpdateScripts: *update,
		Setup:         copyFixtures,
		Condition:     condition(""),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status":   status,
			"longline": longline,
			"compress": compress,
			"sql":      query,
		},
	}
}

// condition evaluates the conditions of scripts: root, and the kind of the store.
func condition(store string) func(string) (bool, error) {
	return func(name string) (bool, error) {
		switch name {
		case "sqlite", "postgres":
			return name == store, nil
		case "root":
			return os.Geteuid() == 0, nil
		}
		return false, errors.New("there is no such condition")
	}
}

func copyFixtures(env *testscript.Env) error {
	return os.CopyFS(filepath.Join(env.WorkDir, "fixtures"), os.DirFS("../../fixtures"))
}

// status runs a command, and fails unless it has the given exit status:
// status 4 quire-project bad.jsonl
func status(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := exitStatus(ts, args[1:]); got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// exitStatus runs a command and returns its exit status.
func exitStatus(ts *testscript.TestScript, args []string) int {
	err := ts.Exec(args[0], args[1:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	ts.Check(err)
	return 0
}

// longline writes a stream with a command of the given length:
// longline 70000 file.jsonl
func longline(ts *testscript.TestScript, _ bool, args []string) {
	size, err := strconv.Atoi(args[0])
	ts.Check(err)
	text := `{"at_ms":1,"type":"job_started","job_id":"a"}` + "\n" +
		`{"at_ms":2,"type":"sh_started","job_id":"a","cmd":"` + strings.Repeat("x", size) + `"}` + "\n" +
		`{"at_ms":3,"type":"sh_finished","job_id":"a","exit_code":0}` + "\n"
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o666))
}

// compress compresses a file in the format that the new name says:
// compress run.jsonl run.jsonl.gz
func compress(ts *testscript.TestScript, _ bool, args []string) {
	data := []byte(ts.ReadFile(args[0]))
	file, err := os.Create(ts.MkAbs(args[1]))
	ts.Check(err)
	if strings.HasSuffix(args[1], ".gz") {
		w := gzip.NewWriter(file)
		_, err = w.Write(data)
		ts.Check(errors.Join(err, w.Close(), file.Close()))
		return
	}
	w, err := zstd.NewWriter(file)
	ts.Check(err)
	_, err = w.Write(data)
	ts.Check(errors.Join(err, w.Close(), file.Close()))
}
