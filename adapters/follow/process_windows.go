package follow

import (
	"context"
	"errors"
	"os"
	"syscall"
)

// errorInvalidParameter is what Windows says where there is no process with an id.
const errorInvalidParameter = syscall.Errno(87)

// WatchProcess returns a channel that is closed once there is no process with this id, or the
// one that there is now has ended.
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
		_, _ = process.Wait() // its handle is valid, or it is gone
		close(gone)
	}()
	return gone, nil
}
