package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/projections"
)

// A disk that is full stops the run; what is in the stream stays true.
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
			shown, _ := cmd.CombinedOutput() // the status is looked at
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

// smallDisk mounts a file system that is soon full.
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
