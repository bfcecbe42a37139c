//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// A second signal kills what does not want to stop, and the stream says so.
func TestInterruptTwice(t *testing.T) {
	s := start(t, `jobs: [{id: stubborn, sh: "trap '' INT TERM; echo $$ > begun; while :; do sleep 0.05; done"}]`)
	pid, err := strconv.Atoi(strings.TrimSpace(s.await("begun")))
	if err != nil {
		t.Fatal(err)
	}
	second := s.interruptTwice()
	s.endsAtOnce(second, "job_started stubborn, sh_started stubborn, sh_finished 137, job_finished failed, run_finished failed")
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the command is alive (%v)", err)
	}
}

// A second signal ends a program, too, that waits for somebody to take its events, and
// leaves nothing behind.
func TestInterruptStuck(t *testing.T) {
	events := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(events, 0o666); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(events, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	long := strings.Repeat("x", 100_000) // more than a pipe takes
	s := start(t, `jobs: [{id: a, sh: ": `+long+`"}]`, "--events", events)
	read := []byte{}
	for !bytes.HasSuffix(read, []byte("sh_started")) {
		read = append(read, 0)
		if _, err := pipe.Read(read[len(read)-1:]); err != nil {
			t.Fatal(err)
		}
	}
	s.interruptTwice()
	if status := s.status(); status != command.StatusInterrupted {
		t.Errorf("it ends with %d", status)
	}
	s.leavesNothing()
}

// A named pipe that nobody reads is waited for until Ctrl-C.
func TestInterruptBeforeEventsAreRead(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o666); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(interruption{}) })
	_, err := program{}.openStream(ctx, pipe)
	if statusOf(err) != command.StatusInterrupted {
		t.Errorf("it ends with %v", err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDONLY, 0) // lets go of who waits
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
}
