//go:build unix

package follow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// processPoll is how often it is looked whether a process is still there.
const processPoll = 100 * time.Millisecond

// WatchProcess returns a channel that is closed once there is no process with this id, or the
// one that there is now has ended.
func WatchProcess(ctx context.Context, pid int) (<-chan struct{}, error) {
	process, err := os.FindProcess(pid)
	if err != nil {
		return nil, err
	}
	gone := make(chan struct{})
	go func() {
		defer func() { _ = process.Release() }() // it is not ours to wait for
		tick := time.NewTicker(processPoll)
		defer tick.Stop()
		for isRunning(process) {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
		close(gone)
	}()
	return gone, nil
}

// isRunning reports whether a process is there and has not ended. One that may not be
// signalled is.
func isRunning(process *os.Process) bool {
	err := process.Signal(syscall.Signal(0))
	return !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH) && !isZombie(process.Pid)
}

// isZombie reports whether a process has ended, and only its parent has not looked yet. Where
// the system does not say, a zombie counts as running.
func isZombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	behind := stat[bytes.LastIndexByte(stat, ')')+1:] // the program's name can hold anything
	return bytes.HasPrefix(behind, []byte(" Z")) || bytes.HasPrefix(behind, []byte(" X"))
}
