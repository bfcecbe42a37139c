// Package natstest runs NATS servers with JetStream within the process of a test. You
// need not install anything. Each server has a temporary folder, and ends with the test.
//
//	func TestSomething(t *testing.T) {
//		url := natstest.New(t).URL()
//		...
//	}
//
// You can stop a server and start it again: it keeps its port and its data. You can also
// start it as a process of its own, to kill it.
package natstest

import (
	"net/url"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/freeport"
)

// Server is a NATS server.
type Server struct {
	t       testing.TB
	options *server.Options
	running *server.Server // nil while stopped
	process *exec.Cmd      // instead of running, see StartProcess
}

// New starts a server, which ends with the test.
func New(t testing.TB, settings ...Setting) *Server {
	t.Helper()
	s := prepare(t, settings...)
	s.Start()
	return s
}

func prepare(t testing.TB, settings ...Setting) *Server {
	folder, err := os.MkdirTemp("", "natstest-")
	require.NoError(t, err)
	port, err := freeport.Find()
	require.NoError(t, err)
	s := &Server{t: t, options: defaults(folder, port)}
	for _, set := range settings {
		set(s.options)
	}
	t.Cleanup(func() {
		s.Stop()
		_ = os.RemoveAll(folder)
	})
	return s
}

func defaults(folder string, port int) *server.Options {
	return &server.Options{
		Host: "127.0.0.1", Port: port, NoLog: os.Getenv("NATSTEST_LOG") == "", NoSigs: true,
		JetStream: true, StoreDir: folder, JetStreamMaxMemory: 256 << 20, JetStreamMaxStore: 8 << 30,
	}
}

// timeout is how long anything may take.
const timeout = 5 * time.Minute

// Start starts a stopped server.
func (s *Server) Start() {
	s.t.Helper()
	running, err := server.NewServer(s.options.Clone())
	require.NoError(s.t, err, "start a NATS server")
	if os.Getenv("NATSTEST_LOG") != "" {
		running.ConfigureLogger()
	}
	go running.Start()
	require.True(s.t, running.ReadyForConnections(timeout), "the NATS server is not ready in time")
	s.running = running
}

// Stop stops the server in an orderly way, as a signal would, and cuts connections.
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

// Server returns the NATS server itself, or nil while it is stopped.
func (s *Server) Server() *server.Server { return s.running }

// URL returns the server's address, with the user and password or the token that it
// requires.
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

// Setting changes the options of a server.
type Setting func(*server.Options)

// User makes the server require a user and a password.
func User(user, password string) Setting {
	return func(o *server.Options) { o.Username, o.Password = user, password }
}

// Token makes the server require a token.
func Token(token string) Setting {
	return func(o *server.Options) { o.Authorization = token }
}

// WithoutJetStream disables JetStream.
func WithoutJetStream() Setting {
	return func(o *server.Options) { o.JetStream = false }
}

// MaxPayload limits the size of messages.
func MaxPayload(bytes int) Setting {
	return func(o *server.Options) { o.MaxPayload = int32(bytes) }
}
