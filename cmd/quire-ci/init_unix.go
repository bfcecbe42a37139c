//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// init1 is the main function for process 1 of a container: it starts the program again as a normal
// process, forwards signals to it, and reaps orphaned processes until the program ends. It returns the
// program's status.
func init1() int {
	self, err := os.Executable()
	if err != nil {
		return failInit(err)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP)
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return failInit(err)
	}
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s) // the process may be about to end
		}
	}()
	for {
		var status syscall.WaitStatus
		switch pid, err := syscall.Wait4(-1, &status, 0, nil); {
		case err == syscall.EINTR:
		case err != nil:
			return failInit(err)
		case pid == cmd.Process.Pid && status.Signaled():
			return 128 + int(status.Signal())
		case pid == cmd.Process.Pid:
			return status.ExitStatus()
		}
	}
}

func failInit(err error) int {
	command.Stdio{Name: "quire-ci"}.Say(os.Stderr, fmt.Sprintf("as process 1: %v", err))
	return command.StatusIO
}
