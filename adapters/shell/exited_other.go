//go:build unix && !linux

package shell

import "os"

// awaitExit waits until a process has exited, and reaps it, because there is no portable
// way to wait without that. Until its group is killed a moment later, another group could
// get its number, but only if the system had used all other numbers meanwhile.
func awaitExit(p *os.Process) (*os.ProcessState, error) { return p.Wait() }
