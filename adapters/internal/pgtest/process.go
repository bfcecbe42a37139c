package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const loopback = "127.0.0.1"

// patience is how long a server may take to start or to stop.
const patience = 60 * time.Second

// process is a server that runs.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// serve starts the server, at a free port the first time and at the same one
// ever after, and waits until it takes connections.
func (s *Server) serve() error {
	var err error
	for range 5 { // somebody else may take a port that was free
		port := s.port
		if port == 0 {
			if port, err = freePort(); err != nil {
				return err
			}
		}
		if err = s.serveAt(port); err == nil {
			s.port = port
			return nil
		}
	}
	return err
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

func (s *Server) serveAt(port int) error {
	log, err := os.Create(filepath.Join(s.folder, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"-D", s.data(), "-k", s.folder, "-h", loopback, "-p", strconv.Itoa(port)}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	p := &process{exec.Command(filepath.Join(s.bin, "postgres"), args...), make(chan struct{})}
	p.cmd.Dir, p.cmd.SysProcAttr = s.folder, s.attributes
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	err = s.guard(p)
	if err == nil {
		err = s.await(p, port)
	}
	if err != nil {
		said, _ := os.ReadFile(log.Name())
		return errors.Join(fmt.Errorf("start PostgreSQL: %w\n%s", err, said), s.end(p, syscall.SIGQUIT))
	}
	s.process = p
	return nil
}

// await waits until the server takes connections.
func (s *Server) await(p *process, port int) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	at := *s
	at.port = port
	for {
		conn, err := pgx.Connect(ctx, at.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-p.ended:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// end asks a process to end with a signal and waits until it has.
func (s *Server) end(p *process, signal syscall.Signal) error {
	_ = p.cmd.Process.Signal(signal) // it may have ended by itself
	select {
	case <-p.ended:
		s.process = nil
		return s.guard(nil)
	case <-time.After(patience):
		return errors.New("PostgreSQL does not stop")
	}
}
