package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/projections"
)

// asProcess1 makes the program of a run the first process of a namespace of processes.
func asProcess1(t *testing.T, s *started) {
	t.Helper()
	unshared := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "true")
	if out, err := unshared.CombinedOutput(); err != nil {
		t.Skipf("needs a namespace of processes of its own: %v: %s", err, out)
	}
	args := append([]string{"--pid", "--fork", "--kill-child", "--mount-proc", "quire-ci"}, s.cmd.Args[1:]...)
	wrapped := exec.Command("unshare", args...)
	wrapped.Dir, wrapped.Env, wrapped.Stderr = s.cmd.Dir, s.cmd.Env, s.cmd.Stderr
	s.cmd = wrapped
}

// As process 1, the program reaps orphaned processes while a command runs.
func TestProcess1Reaps(t *testing.T) {
	s := prepare(t, `jobs:
  - id: a
    sh:
      - |
        test "$(cat /proc/1/comm)" = quire-ci || exit 3
        for i in 1 2 3 4 5 6 7 8; do (setsid true &); done
        for try in $(seq 500); do
          zombies=$(cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z ')
          [ "$zombies" = 0 ] && exit 0
          sleep 0.02
        done
        exit 4
      - exit 7
`)
	asProcess1(t, s)
	s.begin()
	if status := s.status(); status != command.StatusFailed {
		t.Errorf("it ends with %d:\n%s", status, s.shown())
	}
	if got := events(t, s.path("events.jsonl")); !strings.HasSuffix(got, "sh_finished 0, sh_started a, sh_finished 7, job_finished failed, run_finished failed") {
		t.Errorf("the stream has %s", got)
	}
	s.leavesNothing()
}

// As process 1, the program still reacts to signals.
func TestProcess1Interrupted(t *testing.T) {
	s := prepare(t, `jobs: [{id: a, sh: "trap 'exit 7' TERM; echo begun > begun; while :; do sleep 0.05; done"}]`)
	asProcess1(t, s)
	s.begin()
	s.await("begun")
	children, err := os.ReadFile("/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/task/" + strconv.Itoa(s.cmd.Process.Pid) + "/children")
	if err != nil {
		t.Skip("needs /proc/…/children to find process 1: ", err)
	}
	first, err := strconv.Atoi(strings.Fields(string(children))[0])
	require.NoError(t, errors.Join(err, syscall.Kill(first, syscall.SIGTERM)))
	if status := s.status(); status != command.StatusInterrupted {
		t.Errorf("it ends with %d:\n%s", status, s.shown())
	}
	assert.Equal(t, "job_started a, sh_started a, sh_finished 7, job_finished failed, run_finished failed", events(t, s.path("events.jsonl")), "the stream")
}

// A full disk stops the run, and the stream stays correct.
func TestFullDisk(t *testing.T) {
	for _, what := range []string{"events", "logs"} {
		t.Run(what, func(t *testing.T) {
			disk := smallDisk(t)
			folder := workspace(t, `jobs:
  - id: a
    sh:
      - head -c 30000 /dev/zero | tr '\0' x`+strings.Repeat("\n      - 'true # "+strings.Repeat("x", 500)+"'", 50)+`
      - echo end > end
`)
			eventsPath, outDir := filepath.Join(folder, "events.jsonl"), filepath.Join(disk, "out")
			if what == "events" {
				eventsPath, outDir = filepath.Join(disk, "events.jsonl"), filepath.Join(folder, "out")
			}
			cmd := exec.Command("quire-ci", "run", "--workspace", folder, "--events", eventsPath, "--out-dir", outDir)
			shown, _ := cmd.CombinedOutput() // the status is checked
			assert.Equal(t, command.StatusIO, cmd.ProcessState.ExitCode(), "it ends")
			assert.Contains(t, string(shown), "no space left on device; make room and run it again", "it does not say so: %s", shown[max(0, len(shown)-500):])
			_, err := os.Stat(filepath.Join(folder, "end"))
			assert.Error(t, err, "it has run on")
			record := record(t, eventsPath)
			for _, diagnostic := range record.Diagnostics {
				assert.Equal(t, projections.TornTail, diagnostic.Code, "odd: %+v", diagnostic)
			}
			if len(record.ShEvents) == 0 || len(record.ShEvents) > 50 {
				t.Errorf("%d commands were recorded", len(record.ShEvents))
			}
		})
	}
}

// smallDisk mounts a small file system.
func smallDisk(t *testing.T) string {
	folder := t.TempDir()
	if err := syscall.Mount("quire-ci", folder, "tmpfs", 0, "size=16k"); err != nil {
		t.Skipf("a file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		assert.NoError(t, syscall.Unmount(folder, 0))
	})
	return folder
}
