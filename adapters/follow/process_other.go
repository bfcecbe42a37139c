//go:build !unix && !windows

package follow

import (
	"context"
	"errors"
)

// WatchProcess is not supported on this system.
func WatchProcess(context.Context, int) (<-chan struct{}, error) {
	return nil, errors.New("this system cannot tell whether a process is running; use --idle-timeout")
}
