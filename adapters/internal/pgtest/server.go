// Package pgtest runs a real PostgreSQL for tests, with a temporary data folder that
// is removed at the end of the process.
//
//	func TestSomething(t *testing.T) {
//		url := pgtest.Shared(t).NewDatabase(t)
//		...
//	}
//
// The tests of a process share one server; each has a database of its own. A test
// that stops its server needs a server of its own, from [New].
//
// PostgreSQL must be installed, but need not run. Its programs are looked up in
// $PATH, and in the folder for them of Debian and its derivatives. If they are missing,
// tests are skipped with a message that begins with "needs PostgreSQL".
package pgtest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/freeport"
)

// superuser is the role that owns a server.
const superuser = "tester"

// Server is a PostgreSQL server.
type Server struct {
	sandbox
	bin      string // the folder of PostgreSQL's programs
	settings []string
	password string
	port     int
	process  *process // nil while the server is stopped
}

// defaults make a server start and write fast. Its data must survive a crash of the server,
// but not one of the machine. Nothing gathers statistics while a test looks at plans.
var defaults = []string{
	"autovacuum=off",
	"fsync=off",
	"full_page_writes=off",
	"max_connections=60",
	"shared_buffers=128MB",
	"log_min_messages=fatal", // tests provoke errors and check them
}

// start makes a server and starts it. settings, such as "fsync=on", follow the defaults.
func start(settings []string) (*Server, error) {
	bin, err := findPrograms()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, settings: append(defaults[:len(defaults):len(defaults)], settings...), password: "secret-" + rand.Text()}
	if s.sandbox, err = newSandbox(); err != nil {
		return nil, err
	}
	if err = s.initdb(); err == nil {
		err = s.serve()
	}
	if err != nil {
		s.close()
	}
	return s, err
}

// initdb fills the data folder. The server asks for a password over TCP, so that every URL
// that tests use has one.
func (s *Server) initdb() error {
	password := filepath.Join(s.folder, "password")
	if err := os.WriteFile(password, []byte(s.password), 0o644); err != nil {
		return err
	}
	cmd := s.command(filepath.Join(s.bin, "initdb"), "--pgdata="+s.data(), "--username="+superuser, "--pwfile="+password,
		"--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func (s *Server) data() string { return filepath.Join(s.folder, "data") }

// serve starts the server, at a free port the first time and at the same port later, and waits
// until it accepts connections.
func (s *Server) serve() error {
	var err error
	for range 5 { // another program may take a free port, or have it for a moment
		port := s.port
		if port == 0 {
			if port, err = freeport.Find(); err != nil {
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
	cmd := s.command(filepath.Join(s.bin, "postgres"), args...)
	cmd.Stdout, cmd.Stderr = log, log
	p, err := s.start(cmd, s.url("postgres", port))
	if err != nil {
		said, _ := os.ReadFile(log.Name())
		err = fmt.Errorf("start PostgreSQL: %w\n%s", err, said)
		if p != nil {
			err = errors.Join(err, s.end(p, syscall.SIGQUIT))
		}
		return err
	}
	s.process = p
	return nil
}

// end sends a signal to a process, and waits until it has ended.
func (s *Server) end(p *process, signal syscall.Signal) error {
	_ = p.cmd.Process.Signal(signal) // it may have ended
	select {
	case <-p.ended:
		s.process = nil
		return s.guard(nil)
	case <-time.After(timeout):
		return errors.New("PostgreSQL does not stop")
	}
}

// URL returns the address of a database, with a password.
func (s *Server) URL(database string) string { return s.url(database, s.port) }

func (s *Server) url(database string, port int) string {
	return (&url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, s.password),
		Host: hostPort(port), Path: database, RawQuery: "sslmode=disable",
	}).String()
}

// SocketURL returns the address of a database on the server's socket.
func (s *Server) SocketURL(database string) string {
	query := url.Values{"host": {s.folder}, "port": {strconv.Itoa(s.port)}, "user": {superuser}}
	return (&url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: query.Encode()}).String()
}

// errMissing is why tests are skipped. Scripts look for its first words.
var errMissing = errors.New("needs PostgreSQL: its programs initdb and postgres are neither in $PATH nor in /usr/lib/postgresql; install the package postgresql")

// distributions is where Debian and its derivatives keep the programs of each version, which
// are not in $PATH.
const distributions = "/usr/lib/postgresql/*/bin"

// findPrograms returns the folder of initdb and postgres.
func findPrograms() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if bin := filepath.Dir(initdb); hasPrograms(bin) {
			return bin, nil
		}
	}
	found, err := filepath.Glob(distributions)
	if err != nil {
		return "", err
	}
	if bin := newest(found); bin != "" {
		return bin, nil
	}
	return "", errMissing
}

// newest returns the folder with the programs of the highest version, or "".
func newest(folders []string) string {
	var newest string
	var highest float64
	for _, bin := range folders {
		version, err := strconv.ParseFloat(filepath.Base(filepath.Dir(bin)), 64)
		if err == nil && version > highest && hasPrograms(bin) {
			newest, highest = bin, version
		}
	}
	return newest
}

func hasPrograms(bin string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			return false
		}
	}
	return true
}
