package cli

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/projections"
)

// Ctrl-C ends a program that waits for more of a stream or for its beginning, and leaves no part of a
// file.
func TestInterrupt(t *testing.T) {
	const first = `{"at_ms":1,"type":"job_started","job_id":"a"}` + "\n"
	t.Run("silent", func(t *testing.T) { interrupted(t, os.Interrupt, "") })
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		t.Run(signal.String(), func(t *testing.T) { interrupted(t, signal, first) })
	}
}

func interrupted(t *testing.T, signal os.Signal, first string) {
	folder := t.TempDir()
	cmd := exec.Command("quire-project", "-", "--to", "ndjson", "-o", filepath.Join(folder, "out"))
	interrupt(t, cmd, signal, first, func() bool {
		files, _ := os.ReadDir(folder)
		return len(files) > 0
	})
	if files, _ := os.ReadDir(folder); len(files) > 0 {
		t.Errorf("it leaves %v", files)
	}
}

// The same command can continue only if it can read all sources again.
func TestInterruptedSources(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "a.jsonl")
	require.NoError(t, os.WriteFile(file, nil, 0o666))
	for _, c := range []struct {
		want  error
		paths []string
	}{
		{errResumable, []string{file}}, {errResumable, []string{folder}}, {errResumable, []string{file, folder}},
		{context.Canceled, []string{"-"}}, {context.Canceled, []string{os.DevNull}}, {context.Canceled, []string{folder, "-"}},
	} {
		found, err := (&readFlags{app: &app{ctx: t.Context(), set: projections.Builtin}, onMalformed: "stop"}).find(c.paths)
		if err != nil || interruption(found) != c.want {
			t.Errorf("%q: %v, %v", c.paths, interruption(found), err)
		}
	}
}

// Ctrl-C leaves a store unchanged. After reading a pipe, the message does not promise that the command
// can be repeated.
func TestInterruptStore(t *testing.T) {
	for _, command := range []string{"", "rebuild"} {
		t.Run(command, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "quire.db")
			args := append(strings.Fields(command), "-", "--to", "sqlite:"+file)
			cmd := exec.Command("quire-project", args...)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			interrupt(t, cmd, os.Interrupt, `{"at_ms":1,"type":"job_started","job_id":"a"}`+"\n", func() bool { return hasTables(file) })
			assert.Equal(t, "quire-project: interrupted\n", stderr.String())
			cmd = exec.Command("quire-project", args...)
			cmd.Stdin = strings.NewReader("")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("the same again: %v: %s", err, out)
			}
		})
	}
}

// hasTables reports whether an SQLite database has its tables.
func hasTables(file string) bool {
	if _, err := os.Stat(file); err != nil {
		return false
	}
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return false
	}
	defer db.Close()
	_, err = db.Exec("SELECT 1 FROM checkpoints")
	return err == nil
}

// interrupt starts a command, writes the beginning of its input, and sends it a signal once it has
// begun. The command has to end with the status for interruptions.
func interrupt(t *testing.T, cmd *exec.Cmd, signal os.Signal, first string, begun func() bool) {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	defer cmd.Process.Kill()
	_, err = stdin.Write([]byte(first))
	require.NoError(t, err)
	for range 6000 {
		if begun() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	require.NoError(t, cmd.Process.Signal(signal))
	ended := make(chan error)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != command.StatusInterrupted {
		t.Errorf("it ends with %v", err)
	}
}
