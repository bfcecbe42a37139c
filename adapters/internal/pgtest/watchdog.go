package pgtest

import (
	"io"
	"os/exec"
	"syscall"
)

// watchdog waits until its input ends, kills the server and removes its
// folder. The first line of postmaster.pid is the id of the server's process,
// which removes the file when it ends. It gets ten seconds for that.
const watchdog = `read -r _
pidfile=$1/data/postmaster.pid
tries=200
if pid=$(head -n 1 "$pidfile" 2>/dev/null) && kill -QUIT "$pid" 2>/dev/null; then
  while [ -e "$pidfile" ] && [ $((tries -= 1)) -gt 0 ]; do sleep 0.05; done
fi
rm -rf "$1"`

// watch starts a watchdog over a server's folder. However this process ends,
// by a panic, a time limit or a kill, the system closes the pipe that the
// watchdog reads from, which no clean-up in this process could promise.
func watch(folder string) (io.Closer, error) {
	cmd := exec.Command("/bin/sh", "-c", watchdog, "sh", folder)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return stdin, cmd.Start()
}
