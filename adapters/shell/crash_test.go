package shell_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/shell"
	"github.com/quire-ci/quire-project/projections"
)

// crashing is what the helper does until it is killed: it runs jobs with short commands,
// and each one leaves a trace.
func crashing(folder string) error {
	sink, err := jsonl.OpenSink(context.Background(), filepath.Join(folder, "events.jsonl"), nil, nil)
	if err != nil {
		return err
	}
	var jobs []shell.Job
	for _, id := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
		jobs = append(jobs, shell.Job{ID: id, Run: func(ctx context.Context, sh *shell.Shell) error {
			for range 5 {
				if err := sh.Run(ctx, "echo >> spawned; echo some output"); err != nil {
					return err
				}
			}
			return nil
		}})
	}
	p, err := shell.New(jobs...)
	if err != nil {
		return err
	}
	_, err = p.Run(context.Background(), shell.Options{Workspace: folder, Logs: folder, Sink: sink})
	return err
}

// Whenever a producer is killed, its stream is true: everything in it has happened, and
// nothing else had begun.
func TestKilledProducer(t *testing.T) {
	active := 0
	within := 250 * time.Millisecond // longer on a machine that is busy
	for tries := 0; tries < 25 || active == 0 && tries < 500; tries++ {
		cmd := helper(t, "crash", "exec ")
		require.NoError(t, cmd.Start())
		time.Sleep(rand.N(within))
		require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
		_ = cmd.Wait()
		switch afterCrash(t, cmd) {
		case projections.Active:
			active++
		case "":
			within += 50 * time.Millisecond
		}
	}
	assert.NotEqual(t, 0, active, "none was killed in the middle of its run")
}

func afterCrash(t *testing.T, cmd *exec.Cmd) projections.State {
	folder := cmd.Env[len(cmd.Env)-1][len(folderEnv)+1:]
	stream, err := os.ReadFile(filepath.Join(folder, "events.jsonl"))
	if err != nil {
		return "" // killed before it had begun
	}
	_, record := read(t, stream)
	for _, d := range record.Diagnostics {
		assert.Equal(t, projections.TornTail, d.Code, "%+v in\n%s", d, stream)
	}
	finished := record.Run.ShEvents - record.Run.OpenSh
	if n := spawned(t, folder); n < finished || n > record.Run.ShEvents || record.Run.OpenSh > 1 {
		t.Errorf("%d commands left a trace, %d have begun and %d finished", n, record.Run.ShEvents, finished)
	}
	for _, row := range record.ShEvents {
		log := filepath.Join(folder, "jobs", row.JobID, fmt.Sprintf("sh-%d.log", row.Seq))
		if row.ExitCode.Valid && logOf(t, log).stdout != "some output\n" {
			t.Errorf("the log of a finished command is not whole: %q", contents(t, log))
		}
	}
	return record.Run.State
}
