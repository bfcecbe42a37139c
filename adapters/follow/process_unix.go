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

// processPoll is the interval at which the process is checked.
const processPoll = 100 * time.Millisecond

// WatchProcess returns a channel that is closed when the process with this id ends, or at once if
// there is none.
func WatchProcess(ctx context.Context, pid int) (<-chan struct{}, error) {
	process, err := os.FindProcess(pid)
	if err != nil {
		return nil, err
	}
	gone := make(chan struct{})
	go func() {
		defer func() { _ = process.Release() }() // the process is not a child that this one must wait for
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

// isRunning reports whether a process exists and has not ended. A process that may not be signalled
// counts as running.
func isRunning(process *os.Process) bool {
	err := process.Signal(syscall.Signal(0))
	return !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH) && !isZombie(process.Pid)
}

// isZombie reports whether a process has ended but its parent has not waited for it yet. On a system
// without /proc, a zombie counts as running.
func isZombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	behind := stat[bytes.LastIndexByte(stat, ')')+1:] // the program's name can contain any character
	return bytes.HasPrefix(behind, []byte(" Z")) || bytes.HasPrefix(behind, []byte(" X"))
}
