//go:build !unix

package shell

import (
	"errors"
	"os"
	"syscall"
)

// Other systems have no process groups, so nothing is ever started there.
const supported = false

func ownGroup() *syscall.SysProcAttr                    { return nil }
func terminateGroup(int)                                {}
func killGroup(int)                                     {}
func awaitExit(p *os.Process) (*os.ProcessState, error) { return p.Wait() }
func exitCode(state *os.ProcessState) int32             { return int32(state.ExitCode()) }
func readNow(*os.File, []byte) (int, error)             { return 0, errors.ErrUnsupported }
