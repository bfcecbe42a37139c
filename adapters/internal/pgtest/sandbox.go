package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// watchdog reads the id of a process, one line for each change and an empty line for
// none. When its input ends, it kills the process, gives it ten seconds to end, and removes
// the folder.
const watchdog = `pid=
while read -r line; do pid=$line; done
tries=200
if [ -n "$pid" ] && kill -QUIT "$pid"; then
  while kill -0 "$pid" && [ $((tries -= 1)) -gt 0 ]; do sleep 0.05; done
fi
rm -rf "$1"`

// sandbox is a temporary folder for a process. A watchdog ends the process and removes the
// folder when this program ends, even by a panic, a time limit or a kill: then the system
// closes the pipe that the watchdog reads.
type sandbox struct {
	folder     string
	watch      io.WriteCloser
	attributes *syscall.SysProcAttr // of processes in the sandbox
}

func newSandbox() (b sandbox, err error) {
	if b.folder, err = os.MkdirTemp("", "pgtest-"); err != nil {
		return b, err
	}
	cmd := exec.Command("/bin/sh", "-c", watchdog, "sh", b.folder)
	cmd.SysProcAttr = ownGroup()
	if b.watch, err = cmd.StdinPipe(); err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return b, errors.Join(err, os.RemoveAll(b.folder))
	}
	if b.attributes, err = owner(b.folder); err != nil {
		b.close()
	}
	return b, err
}

// close makes the watchdog kill the process and remove the folder.
func (b *sandbox) close() { b.watch.Close() }

func (b *sandbox) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.SysProcAttr = b.folder, b.attributes
	return cmd
}

// guard tells the watchdog which process runs, if any.
func (b *sandbox) guard(p *process) error {
	line := ""
	if p != nil {
		line = fmt.Sprint(p.cmd.Process.Pid)
	}
	_, err := fmt.Fprintln(b.watch, line)
	return err
}

// process is a running server.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// start starts a server, and waits until it accepts connections to a database.
func (b *sandbox) start(cmd *exec.Cmd, address string) (*process, error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd, make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(p.ended)
	}()
	if err := b.guard(p); err != nil {
		return p, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, address)
		if err == nil {
			return p, conn.Close(ctx)
		}
		select {
		case <-p.ended:
			return p, errors.New("it ended at once")
		case <-ctx.Done():
			return p, err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

const loopback = "127.0.0.1"

// timeout is how long a server may take to start or to stop.
const timeout = 5 * time.Minute

func hostPort(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
