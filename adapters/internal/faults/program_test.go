//go:build unix

package faults

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/waittest"
)

// command is a process of the program.
type command struct {
	*exec.Cmd
	stdout, stderr waittest.Output
	started        time.Time
}

// ended is the result of a process.
type ended struct {
	args           []string
	status         int // -1 if it was killed
	stdout, stderr string
	took           time.Duration
}

// program returns the path of the program. It is built without the race detector, which
// would not see across its processes.
func program(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("it runs other processes")
	}
	path, err := build()
	require.NoError(t, err)
	return path
}

func newCommand(t testing.TB, args ...string) *command {
	t.Helper()
	c := &command{Cmd: exec.Command(program(t), args...)}
	c.Stdout, c.Stderr = &c.stdout, &c.stderr
	return c
}

// start starts the program.
func start(t testing.TB, args ...string) *command {
	t.Helper()
	c := newCommand(t, args...)
	c.start(t)
	return c
}

func (c *command) start(t testing.TB) {
	t.Helper()
	c.started = time.Now()
	require.NoError(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill() }) // if it still runs
}

// wait waits for the end of the program, and checks that it neither panics nor shows a
// password.
func (c *command) wait(t testing.TB) ended {
	t.Helper()
	err := c.Wait()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	e := ended{c.Args[1:], c.ProcessState.ExitCode(), c.stdout.String(), c.stderr.String(), time.Since(c.started)}
	if strings.Contains(e.stderr, "panic:") || strings.Contains(e.stderr, "goroutine ") {
		t.Errorf("%q panics:\n%s", e.args, e.stderr)
	}
	for _, arg := range e.args {
		if password := passwordIn(arg); password != "" && strings.Contains(e.stdout+e.stderr, password) {
			t.Errorf("the password is shown: %s", e.stderr)
		}
	}
	return e
}

func passwordIn(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.User == nil {
		return ""
	}
	password, _ := u.User.Password()
	return password
}

// run runs the program and waits for its end.
func run(t testing.TB, args ...string) ended {
	t.Helper()
	return start(t, args...).wait(t)
}

// measure measures how long the program takes.
func measure(t testing.TB, args ...string) time.Duration {
	t.Helper()
	e := run(t, args...)
	e.succeeds(t)
	return e.took
}

// killAfter kills the program after a time, unless it has ended by then.
func (c *command) killAfter(t testing.TB, while time.Duration) ended {
	t.Helper()
	timer := time.AfterFunc(while-time.Since(c.started), func() { _ = c.Process.Kill() })
	defer timer.Stop()
	return c.wait(t)
}

func (e ended) killed() bool { return e.status == -1 }

// succeeds expects the status 0.
func (e ended) succeeds(t testing.TB) {
	t.Helper()
	require.Equal(t, 0, e.status, "%q ends with status %d: %s%s", e.args, e.status, e.stdout, e.stderr)
}

// fails expects the status 1, and that the last line of the errors contains all words.
func (e ended) fails(t testing.TB, words ...string) {
	t.Helper()
	assert.Equal(t, 1, e.status, "%q ends with status %d, want 1: %s%s", e.args, e.status, e.stdout, e.stderr)
	lines := strings.Split(strings.TrimSuffix(e.stderr, "\n"), "\n")
	for _, word := range words {
		assert.Contains(t, lines[len(lines)-1], word, "%q does not say %q: %s", e.args, word, e.stderr)
	}
}

// connect opens a connection of another program until the test ends.
func connect(t testing.TB, db database) *sql.Conn {
	t.Helper()
	driver, name := "pgx", db.address
	if file, ok := strings.CutPrefix(db.address, "sqlite:"); ok {
		driver, name = "sqlite", file
	}
	pool, err := sql.Open(driver, name)
	require.NoError(t, err)
	conn, err := pool.Conn(context.Background()) // clean-ups use it, too
	require.NoError(t, err)
	t.Cleanup(func() {
		conn.Close()
		pool.Close()
	})
	return conn
}

// execute runs statements.
func execute(t testing.TB, conn *sql.Conn, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := conn.ExecContext(context.Background(), statement)
		require.NoError(t, err, statement)
	}
}

// ask returns the value of a query.
func ask(t testing.TB, conn *sql.Conn, query string) (value string) {
	t.Helper()
	require.NoError(t, conn.QueryRowContext(t.Context(), query).Scan(&value), query)
	return value
}

// with returns an address with another parameter.
func with(t testing.TB, address, key, value string) string {
	t.Helper()
	u := parsed(t, address)
	query := u.Query()
	query.Set(key, value)
	u.RawQuery = query.Encode()
	return u.String()
}

// nameOf returns the name of the database at an address.
func nameOf(t testing.TB, address string) string {
	t.Helper()
	return strings.TrimPrefix(parsed(t, address).Path, "/")
}

func parsed(t testing.TB, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u
}
