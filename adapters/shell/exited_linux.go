package shell

import (
	"os"
	"syscall"
)

// awaitExit waits until a process has exited, but does not reap it: until it is reaped,
// the system does not reuse its number.
func awaitExit(p *os.Process) (*os.ProcessState, error) {
	const pid, leave = 1, syscall.WEXITED | syscall.WNOWAIT
	for {
		_, _, err := syscall.Syscall6(syscall.SYS_WAITID, pid, uintptr(p.Pid), 0, leave, 0, 0)
		switch err {
		case 0:
			return nil, nil
		case syscall.EINTR:
		default:
			return p.Wait()
		}
	}
}
