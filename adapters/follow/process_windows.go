package follow

import (
	"context"
	"errors"
	"os"
	"syscall"
)

// errorInvalidParameter is the Windows error for an id without a process.
const errorInvalidParameter = syscall.Errno(87)

// WatchProcess returns a channel that is closed when the process with this id ends, or at once if
// there is none.
func WatchProcess(_ context.Context, pid int) (<-chan struct{}, error) {
	gone := make(chan struct{})
	process, err := os.FindProcess(pid)
	if errors.Is(err, errorInvalidParameter) {
		close(gone)
		return gone, nil
	} else if err != nil {
		return nil, err
	}
	go func() {
		_, _ = process.Wait() // an error means that the process is gone
		close(gone)
	}()
	return gone, nil
}
