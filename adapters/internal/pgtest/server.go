package pgtest

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// superuser is the role that owns a server.
const superuser = "tester"

// Server is a PostgreSQL server.
type Server struct {
	bin, folder string
	settings    []string
	password    string
	port        int
	attributes  *syscall.SysProcAttr
	watch       io.WriteCloser // the watchdog cleans up when this is closed
	process     *process       // nil while the server is stopped
}

// defaults make a server quick to start and to write. It is thrown away: what
// it wrote need not outlive the machine, only the server.
var defaults = []string{
	"fsync=off",
	"full_page_writes=off",
	"max_connections=60",
	"shared_buffers=128MB",
	"log_min_messages=fatal", // the tests provoke errors, and look at them
}

// start makes a server and starts it. Settings, as "fsync=on", come behind
// the defaults.
func start(settings []string) (*Server, error) {
	bin, err := findPrograms()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, settings: append(defaults[:len(defaults):len(defaults)], settings...), password: "secret-" + rand.Text()}
	if err := s.create(); err != nil {
		return nil, fmt.Errorf("make a PostgreSQL server for tests: %w", err)
	}
	if err := s.serve(); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// create makes the data folder, and sees to it that it will be removed.
func (s *Server) create() (err error) {
	if s.folder, err = os.MkdirTemp("", "pgtest-"); err != nil {
		return err
	}
	if s.watch, err = watch(s.folder); err != nil {
		os.RemoveAll(s.folder)
		return err
	}
	if s.attributes, err = owner(s.folder); err == nil {
		err = s.initdb()
	}
	if err != nil {
		s.close()
	}
	return err
}

// initdb fills the data folder. A password is asked for over TCP, so that
// there is one in every URL that tests use.
func (s *Server) initdb() error {
	password := filepath.Join(s.folder, "password")
	if err := os.WriteFile(password, []byte(s.password), 0o644); err != nil {
		return err
	}
	return s.run("initdb", "--pgdata="+s.data(), "--username="+superuser, "--pwfile="+password,
		"--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
}

func (s *Server) data() string { return filepath.Join(s.folder, "data") }

// close has the server killed and its folder removed.
func (s *Server) close() { s.watch.Close() }

// URL returns the address of a database, with a password in it.
func (s *Server) URL(database string) string {
	return (&url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, s.password),
		Host: net.JoinHostPort(loopback, strconv.Itoa(s.port)), Path: database, RawQuery: "sslmode=disable",
	}).String()
}

// SocketURL returns the address of a database on the server's socket.
func (s *Server) SocketURL(database string) string {
	query := url.Values{"host": {s.folder}, "port": {strconv.Itoa(s.port)}, "user": {superuser}}
	return (&url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: query.Encode()}).String()
}
