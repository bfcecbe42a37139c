package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// A reader of the output may pause: rows are still updated, and Ctrl-C ends the command.
func TestFollowUnread(t *testing.T) {
	for _, both := range []bool{false, true} { // standard error too
		t.Run(fmt.Sprint(both), func(t *testing.T) {
			t.Parallel()
			testFollowUnread(t, both)
		})
	}
}

func testFollowUnread(t *testing.T, both bool) {
	folder := t.TempDir()
	file := filepath.Join(folder, "quire.db")
	const jobs = 20_000 // more than a pipe holds, and not more than is kept
	var many strings.Builder
	for i := range jobs {
		fmt.Fprintf(&many, `{"at_ms":%d,"type":"job_started","job_id":"job-%d"}`+"\n", i, i)
	}
	appendText(t, filepath.Join(folder, "many.jsonl"), many.String())
	read, write, err := os.Pipe()
	require.NoError(t, err)
	defer read.Close()
	cmd := exec.Command("quire-project", "follow", folder, "--to", "sqlite:"+file)
	cmd.Stdout, cmd.Stderr = write, write
	var said written
	if !both {
		cmd.Stderr = &said
	}
	ended := startEnding(t, cmd)
	_ = write.Close()
	one, count := filepath.Join(folder, "one.jsonl"), 0
	stored := func() bool { return countRows(file, "jobs") == count }
	for count = jobs; count < jobs+3; count++ {
		if count > jobs {
			appendText(t, one, fmt.Sprintf(`{"at_ms":1,"type":"job_started","job_id":"%d"}`+"\n", count))
		}
		waitUntil(t, stored, func() string { return fmt.Sprintf("%d jobs do not get stored: %s", count, &said) })
	}
	_ = cmd.Process.Signal(os.Interrupt)
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
	require.Equal(t, command.StatusIO, cmd.ProcessState.ExitCode(), "it ends")
	if want := "cannot write: nobody has read the last of it"; !both && !strings.Contains(said.String(), want) {
		t.Errorf("it says %q", &said)
	}
}

// startEnding starts a program, and returns what is closed when it has ended.
func startEnding(t *testing.T, cmd *exec.Cmd) <-chan struct{} {
	t.Helper()
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	return ended
}

func appendText(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	require.NoError(t, err)
	defer file.Close()
	_, err = file.WriteString(text)
	require.NoError(t, err)
}

// When Ctrl-C ends following, an error of writing is reported, and sets the exit status.
func TestFollowCannotWrite(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is nothing here that is full: ", err)
	}
	defer full.Close()
	for _, source := range []string{".", "run.jsonl"} {
		folder := t.TempDir()
		file := filepath.Join(folder, "quire.db")
		cmd := exec.Command("quire-project", "follow", source, "--to", "sqlite:"+file)
		var said written
		cmd.Dir, cmd.Stdout, cmd.Stderr = folder, full, &said
		ended := startEnding(t, cmd)
		for i := range 3 { // what is stored last may not be shown yet
			appendText(t, filepath.Join(folder, "run.jsonl"), fmt.Sprintf(`{"at_ms":1,"type":"job_started","job_id":"%d"}`+"\n", i))
			waitUntil(t, func() bool { return countRows(file, "jobs") == i+1 }, said.String)
		}
		_ = cmd.Process.Signal(os.Interrupt)
		<-ended
		if status := cmd.ProcessState.ExitCode(); status != command.StatusIO || !strings.Contains(said.String(), "cannot write: ") {
			t.Errorf("%s: it ends with %d, and says %q", source, status, &said)
		}
	}
}
