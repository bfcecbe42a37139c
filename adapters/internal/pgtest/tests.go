package pgtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

var shared = sync.OnceValues(func() (*Server, error) { return start(nil) })

// Shared returns the server that the tests of this process share. Do not stop it.
func Shared(t testing.TB) *Server {
	t.Helper()
	return started(t, shared)
}

// New returns a server for t alone. Settings are lines of its configuration, such as
// "fsync=on".
func New(t testing.TB, settings ...string) *Server {
	t.Helper()
	s := started(t, func() (*Server, error) { return start(settings) })
	t.Cleanup(s.close)
	return s
}

func started(t testing.TB, start func() (*Server, error)) *Server {
	t.Helper()
	s, err := start()
	if errors.Is(err, errMissing) {
		t.Skip(err)
	}
	require.NoError(t, err)
	return s
}

// Stop stops the server in an orderly way, and rolls back open transactions.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.stop(t, syscall.SIGINT)
}

// Kill stops the server as a crash would.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.stop(t, syscall.SIGQUIT)
}

func (s *Server) stop(t testing.TB, signal syscall.Signal) {
	t.Helper()
	require.NoError(t, s.end(s.process, signal))
}

// Start starts the server again, at the same addresses.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	require.NoError(t, s.serve())
}

var databases atomic.Int64

// NewDatabase makes an empty database for t and returns its address.
func (s *Server) NewDatabase(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test%d", databases.Add(1))
	s.exec(t, "CREATE DATABASE "+name+" TEMPLATE template0")
	t.Cleanup(func() {
		if s.process != nil {
			s.exec(t, "DROP DATABASE "+name+" WITH (FORCE)")
		}
	})
	return s.URL(name)
}

func (s *Server) exec(t testing.TB, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.SocketURL("postgres"))
	require.NoError(t, err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	require.NoError(t, err)
}
