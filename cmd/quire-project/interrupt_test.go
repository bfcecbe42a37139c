package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Ctrl-C ends a program that waits for a stream that does not end, or has not
// even begun, and leaves no half of a file.
func TestInterrupt(t *testing.T) {
	t.Run("silent", func(t *testing.T) { interrupted(t, "") })
	t.Run("begun", func(t *testing.T) {
		interrupted(t, `{"at_ms":1,"type":"job_started","job_id":"a"}`+"\n")
	})
}

func interrupted(t *testing.T, first string) {
	folder := t.TempDir()
	cmd := exec.Command("quire-project", "-", "--to", "ndjson", "-o", filepath.Join(folder, "out"))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	if _, err := stdin.Write([]byte(first)); err != nil {
		t.Fatal(err)
	}
	for range 500 { // until it has begun to write
		if files, _ := os.ReadDir(folder); len(files) > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != statusInterrupted {
		t.Errorf("it ends with %v", err)
	}
	if files, _ := os.ReadDir(folder); len(files) > 0 {
		t.Errorf("it leaves %v", files)
	}
}
