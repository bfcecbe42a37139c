package natstest

import (
	"net/url"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

// Server is a NATS server.
type Server struct {
	t       testing.TB
	options *server.Options
	running *server.Server // nil while stopped
	process *exec.Cmd      // where it runs instead, see StartProcess
}

// New starts a server, which is stopped with the test.
func New(t testing.TB, settings ...Setting) *Server {
	t.Helper()
	s := prepare(t, settings...)
	s.Start()
	return s
}

func prepare(t testing.TB, settings ...Setting) *Server {
	folder, err := os.MkdirTemp("", "natstest-")
	require.NoError(t, err)
	s := &Server{t: t, options: defaults(folder)}
	for _, set := range settings {
		set(s.options)
	}
	t.Cleanup(func() {
		s.Stop()
		_ = os.RemoveAll(folder)
	})
	return s
}

func defaults(folder string) *server.Options {
	return &server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: os.Getenv("NATSTEST_LOG") == "", NoSigs: true,
		JetStream: true, StoreDir: folder, JetStreamMaxMemory: 256 << 20, JetStreamMaxStore: 8 << 30,
	}
}

// patience is how long anything may take. It is only ever needed in full where
// something is wrong.
const patience = 60 * time.Second

// Start starts a server that has been stopped.
func (s *Server) Start() {
	s.t.Helper()
	running, err := server.NewServer(s.options.Clone())
	require.NoError(s.t, err, "start a NATS server")
	if os.Getenv("NATSTEST_LOG") != "" {
		running.ConfigureLogger()
	}
	go running.Start()
	require.True(s.t, running.ReadyForConnections(patience), "the NATS server is not ready in time")
	s.running = running
	// A port that was chosen is kept, so that clients find the server again.
	s.options.Port = s.port()
}

// Stop stops the server, in an orderly way, as a signal would. Connections are
// cut.
func (s *Server) Stop() {
	if s.process != nil {
		s.Kill()
	}
	if s.running == nil {
		return
	}
	s.running.Shutdown()
	s.running.WaitForShutdown()
	s.running = nil
}

// Server is what runs, for what this package has no method for.
func (s *Server) Server() *server.Server { return s.running }

// URL is the server's address, with the user and password or the token that it
// asks for.
func (s *Server) URL() string {
	address, err := url.Parse(s.running.ClientURL())
	require.NoError(s.t, err)
	switch {
	case s.options.Username != "":
		address.User = url.UserPassword(s.options.Username, s.options.Password)
	case s.options.Authorization != "":
		address.User = url.User(s.options.Authorization)
	}
	return address.String()
}
