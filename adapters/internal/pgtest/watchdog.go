package pgtest

import (
	"fmt"
	"io"
	"os/exec"
)

// watchdog reads the id of the server's process, a line each time that it
// changes, and an empty one while there is none. When its input ends it kills the
// server, gives it ten seconds to go, and removes the folder.
const watchdog = `pid=
while read -r line; do pid=$line; done
tries=200
if [ -n "$pid" ] && kill -QUIT "$pid"; then
  while kill -0 "$pid" && [ $((tries -= 1)) -gt 0 ]; do sleep 0.05; done
fi
rm -rf "$1"`

// watch starts a watchdog over a server's folder. However this process ends,
// by a panic, a time limit or a kill, the system closes the pipe that the
// watchdog reads from, which no clean-up in this process could promise.
func watch(folder string) (io.WriteCloser, error) {
	cmd := exec.Command("/bin/sh", "-c", watchdog, "sh", folder)
	cmd.SysProcAttr = ownGroup()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return stdin, cmd.Start()
}

// guard tells the watchdog of the server's process; nil is none.
func (s *Server) guard(p *process) error {
	line := ""
	if p != nil {
		line = fmt.Sprint(p.cmd.Process.Pid)
	}
	_, err := fmt.Fprintln(s.watch, line)
	return err
}
