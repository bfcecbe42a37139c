package cli

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/storetest/services"
)

// TestFollowScripts runs testdata/follow: the output and the stored rows while streams grow. $STORE is
// the address of a store that does not exist yet.
func TestFollowScripts(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		if testing.Short() {
			t.Skip("the scripts are tried with PostgreSQL")
		}
		runFollowScripts(t, "sqlite", func() string { return "sqlite:quire.db" })
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		scripts, err := filepath.Glob("testdata/follow/*.txt")
		require.NoError(t, err)
		databases := make(chan string, len(scripts))
		for range scripts {
			databases <- services.PostgreSQL(t)
		}
		runFollowScripts(t, "postgres", func() string { return <-databases })
	})
}

func runFollowScripts(t *testing.T, kind string, newStore func() string) {
	params := scriptParams("testdata/follow")
	params.Condition = condition(kind)
	params.Setup = func(env *testscript.Env) error {
		env.Setenv("STORE", newStore())
		env.Values["followed"] = &background{}
		return copyFixtures(env)
	}
	for name, cmd := range map[string]func(*testscript.TestScript, bool, []string){
		"follow": startFollow, "printed": printed, "complained": complained, "interrupt": interruptFollow,
		"ended": endedFollow, "append": appendTo, "await": await, "crash": crash,
	} {
		params.Cmds[name] = cmd
	}
	testscript.Run(t, params)
}

// patience is how long a test waits for what has to happen, however busy the machine is.
const patience = 5 * time.Minute

// background is a follow command that runs in the background of its script.
type background struct {
	cmd         *exec.Cmd
	out, errors written
	ended       chan error
}

// written is what a program has written so far.
type written struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *written) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *written) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func followOf(ts *testscript.TestScript) *background { return ts.Value("followed").(*background) }

// startFollow starts quire-project follow in the background:
// follow run.jsonl --to $STORE
func startFollow(ts *testscript.TestScript, _ bool, args []string) {
	b := followOf(ts)
	*b = background{cmd: exec.Command("quire-project", append([]string{"follow"}, args...)...), ended: make(chan error, 1)}
	b.cmd.Dir, b.cmd.Stdout, b.cmd.Stderr = ts.MkAbs("."), &b.out, &b.errors
	ts.Check(b.cmd.Start())
	go func() { b.ended <- b.cmd.Wait() }()
	ts.Defer(func() { _ = b.cmd.Process.Kill() })
}

// printed waits until what follow has printed matches: printed 'build started'
func printed(ts *testscript.TestScript, _ bool, args []string) {
	waitForMatch(ts, args[0], &followOf(ts).out)
}

// complained is printed for what follow has written to its standard error.
func complained(ts *testscript.TestScript, _ bool, args []string) {
	waitForMatch(ts, args[0], &followOf(ts).errors)
}

func waitForMatch(ts *testscript.TestScript, pattern string, out *written) {
	want := regexp.MustCompile("(?m)" + pattern)
	waitFor(ts, func() bool { return want.MatchString(out.String()) }, func() string {
		return fmt.Sprintf("no match for %q in:\n%s", pattern, out)
	})
}

func waitFor(ts *testscript.TestScript, is func() bool, what func() string) {
	for deadline := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("%s\nfollow has said:\n%s", what(), &followOf(ts).errors)
		}
	}
}

// interruptFollow is Ctrl-C.
func interruptFollow(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(followOf(ts).cmd.Process.Signal(os.Interrupt))
}

// crash is kill -9.
func crash(ts *testscript.TestScript, _ bool, _ []string) {
	b := followOf(ts)
	ts.Check(b.cmd.Process.Signal(syscall.SIGKILL))
	<-b.ended
}

// endedFollow waits until follow has ended with a status, and prints what it has
// written: ended 130
func endedFollow(ts *testscript.TestScript, _ bool, args []string) {
	b := followOf(ts)
	var err error
	select {
	case err = <-b.ended:
	case <-time.After(patience):
		ts.Fatalf("follow does not end; it has said:\n%s%s", &b.out, &b.errors)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Check(err)
	}
	fmt.Fprint(ts.Stdout(), &b.out)
	fmt.Fprint(ts.Stderr(), &b.errors)
	if got := strconv.Itoa(b.cmd.ProcessState.ExitCode()); got != args[0] {
		ts.Fatalf("follow ends with status %s, want %s:\n%s%s", got, args[0], &b.out, &b.errors)
	}
}

// appendTo appends what a file holds to another, whose folder is made: append
// more.in runs/r.jsonl. With a number, so many bytes of it: append more.in r.jsonl 10
func appendTo(ts *testscript.TestScript, _ bool, args []string) {
	data := []byte(ts.ReadFile(args[0]))
	if len(args) > 2 {
		n, err := strconv.Atoi(args[2])
		ts.Check(err)
		data = data[:n]
	}
	path := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o777))
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	ts.Check(err)
	_, err = file.Write(data)
	ts.Check(errors.Join(err, file.Close()))
}

// await waits until an SQL statement gives rows, their columns separated by
// spaces: await 'SELECT state FROM runs' complete
func await(ts *testscript.TestScript, _ bool, args []string) {
	got, want := "", strings.Join(args[1:], "\n")
	waitFor(ts, func() bool {
		got = answer(ts, args[0])
		return got == want
	}, func() string { return fmt.Sprintf("%s gives\n%s\nwant\n%s", args[0], got, want) })
}

func scanLine(ts *testscript.TestScript, rows *sql.Rows, columns int) string {
	values, into := make([]sql.NullString, columns), make([]any, columns)
	for i := range values {
		into[i] = &values[i]
	}
	ts.Check(rows.Scan(into...))
	return line(values)
}

// answer returns what a statement gives, or why it gives nothing yet.
func answer(ts *testscript.TestScript, statement string) string {
	if file, ok := strings.CutPrefix(ts.Getenv("STORE"), "sqlite:"); ok && !hasTables(ts.MkAbs(file)) {
		return "no store"
	}
	db, err := openDatabase(ts)
	ts.Check(err)
	defer db.Close()
	rows, err := db.Query(statement)
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		columns, err := rows.Columns()
		ts.Check(err)
		lines = append(lines, scanLine(ts, rows, len(columns)))
	}
	ts.Check(rows.Err())
	return strings.Join(lines, "\n")
}
