//go:build unix && !linux

package shell

import "os"

// awaitExit waits until a process has exited. It is reaped with that: there is
// no way to wait that works everywhere and leaves it. In the moment until its
// group is killed, another group could get its number, if all numbers
// were given out meanwhile.
func awaitExit(p *os.Process) (*os.ProcessState, error) { return p.Wait() }
