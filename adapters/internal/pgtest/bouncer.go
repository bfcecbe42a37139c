package pgtest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/freeport"
)

// errNoBouncer is why tests are skipped. Scripts look for its first words.
var errNoBouncer = errors.New("needs PgBouncer: it is neither in $PATH nor in /usr/sbin; install the package pgbouncer")

// Bounced starts a PgBouncer in front of the server, for t alone, which assigns connections per
// transaction; connections is their number. It returns the address of a database behind it. If
// PgBouncer is not installed, t is skipped.
func (s *Server) Bounced(t testing.TB, database string, connections int) string {
	t.Helper()
	program, err := findBouncer()
	if err != nil {
		t.Skip(err)
	}
	port, err := s.bounce(t, program, connections)
	require.NoError(t, err, "start PgBouncer")
	u, err := url.Parse(database)
	require.NoError(t, err)
	u.Host = hostPort(port)
	return u.String()
}

func findBouncer() (string, error) {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if program, err := exec.LookPath(name); err == nil {
			return program, nil
		}
	}
	return "", errNoBouncer
}

// bouncerConfig accepts everybody, as the server does on its socket.
const bouncerConfig = `[databases]
* = host=%s port=%d user=%s
[pgbouncer]
listen_addr = %s
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = %d
`

func (s *Server) bounce(t testing.TB, program string, connections int) (int, error) {
	port, err := freeport.Find()
	if err != nil {
		return 0, err
	}
	b, err := newSandbox()
	if err != nil {
		return 0, err
	}
	t.Cleanup(b.close)
	config := filepath.Join(b.folder, "pgbouncer.ini")
	text := fmt.Sprintf(bouncerConfig, s.folder, s.port, superuser, loopback, port, connections)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return 0, err
	}
	var said strings.Builder
	cmd := b.command(program, config)
	cmd.Stderr = &said
	p, err := b.start(cmd, fmt.Sprintf("postgres://%s@%s/postgres?sslmode=disable", superuser, hostPort(port)))
	if err != nil && p != nil {
		select {
		case <-p.ended: // said is complete
			err = fmt.Errorf("%w\n%s", err, &said)
		default:
		}
	}
	return port, err
}
