package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// errNoBouncer is why tests are skipped. They look for its first words.
var errNoBouncer = errors.New("needs PgBouncer: it is neither in $PATH nor in /usr/sbin; install the package pgbouncer")

// Bounced starts a PgBouncer before the server, for t alone, which hands out so
// many connections for a transaction at a time. It returns the address behind it
// of a database whose address is given. Where there is no PgBouncer, t is skipped.
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
	u.Host = net.JoinHostPort(loopback, strconv.Itoa(port))
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

// bouncerConfig lets anybody in, as the server does on its socket.
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

// bounce starts PgBouncer in a folder of its own and waits until it lets
// connections through.
func (s *Server) bounce(t testing.TB, program string, connections int) (int, error) {
	port, err := freePort()
	if err != nil {
		return 0, err
	}
	folder, err := os.MkdirTemp("", "pgtest-")
	if err != nil {
		return 0, err
	}
	watch, err := watch(folder)
	if err != nil {
		return 0, errors.Join(err, os.RemoveAll(folder))
	}
	t.Cleanup(func() { watch.Close() })
	attributes, err := owner(folder)
	if err != nil {
		return 0, err
	}
	config := filepath.Join(folder, "pgbouncer.ini")
	text := fmt.Sprintf(bouncerConfig, s.folder, s.port, superuser, loopback, port, connections)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return 0, err
	}
	var said strings.Builder
	cmd := exec.Command(program, config)
	cmd.Dir, cmd.SysProcAttr, cmd.Stderr = folder, attributes, &said
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	fmt.Fprintln(watch, cmd.Process.Pid)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return port, awaitBouncer(port, ended, &said)
}

func awaitBouncer(port int, ended <-chan error, said fmt.Stringer) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, fmt.Sprintf("postgres://%s@%s:%d/postgres?sslmode=disable", superuser, loopback, port))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case failed := <-ended:
			return fmt.Errorf("it ended at once: %w\n%s", failed, said)
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}
