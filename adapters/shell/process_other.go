//go:build !unix

package shell

import (
	"errors"
	"os"
	"syscall"
)

// Elsewhere there are no process groups, and nothing is ever spawned.
const supported = false

func startProcess(string, []string, *os.ProcAttr) (*os.Process, error) {
	return nil, errors.ErrUnsupported
}

func ownGroup() *syscall.SysProcAttr                    { return nil }
func terminateGroup(int)                                {}
func killGroup(int)                                     {}
func awaitExit(p *os.Process) (*os.ProcessState, error) { return p.Wait() }
func exitCode(state *os.ProcessState) int32             { return int32(state.ExitCode()) }
func readNow(*os.File, []byte) (int, error)             { return 0, errors.ErrUnsupported }
