//go:build unix

package shell

import (
	"io"
	"os"
	"syscall"
)

const supported = true

// ownGroup makes a process the leader of a new group and session. A session has no terminal,
// so a program that asks for a password fails at once and does not wait forever.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// terminateGroup sends a SIGTERM to a group, and wakes it if it was suspended. An error
// means that the group has already ended.
func terminateGroup(pid int) {
	_ = syscall.Kill(-pid, syscall.SIGTERM)
	_ = syscall.Kill(-pid, syscall.SIGCONT)
}

func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

// exitCode returns the value of $? in a shell for a process that ended in this state.
func exitCode(state *os.ProcessState) int32 {
	status := state.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 128 + int32(status.Signal())
	}
	return int32(status.ExitStatus())
}

// readNow reads from a pipe without waiting.
func readNow(pipe *os.File, p []byte) (n int, err error) {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return 0, err
	}
	failed := raw.Control(func(fd uintptr) {
		for {
			if n, err = syscall.Read(int(fd), p); err != syscall.EINTR {
				return
			}
		}
	})
	if err == nil {
		err = failed
	}
	if err == nil && n == 0 {
		err = io.EOF
	}
	return max(n, 0), err
}
