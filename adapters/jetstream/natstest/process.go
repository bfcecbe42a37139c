package natstest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// processEnv holds the settings of a server that is a process of its own.
const processEnv = "NATSTEST_PROCESS"

// settings are what such a process is told. Who may connect is not among them.
type settings struct {
	Name, Folder, Cluster string
	Port, ClusterPort     int
	Routes                []string
}

// Main has the test program be a server if it was started as one. A package that
// calls [Server.StartProcess] has a TestMain that calls it first.
func Main() {
	text := os.Getenv(processEnv)
	if text == "" {
		return
	}
	if err := serve(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve runs a server until standard input ends, which it does when the test is
// gone.
func serve(text string) error {
	var s settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	options := defaults(s.Folder)
	options.Port, options.ServerName = s.Port, s.Name
	if s.Cluster != "" {
		options.Cluster = clusterOptions(s.ClusterPort)
		for _, route := range s.Routes {
			address, err := url.Parse(route)
			if err != nil {
				return err
			}
			options.Routes = append(options.Routes, address)
		}
	}
	running, err := server.NewServer(options)
	if err != nil {
		return err
	}
	go running.Start()
	_, _ = os.Stdin.Read(make([]byte, 1))
	running.Shutdown()
	return nil
}

// StartProcess starts a server that has been stopped again, in a process of its own that
// [Server.Kill] can kill. It takes no settings but those of a cluster.
func (s *Server) StartProcess() {
	s.t.Helper()
	about := settings{Name: s.options.ServerName, Folder: s.options.StoreDir, Port: s.options.Port, Cluster: s.options.Cluster.Name, ClusterPort: s.options.Cluster.Port}
	for _, route := range s.options.Routes {
		about.Routes = append(about.Routes, route.String())
	}
	text, err := json.Marshal(about)
	require.NoError(s.t, err)
	s.process = exec.Command(os.Args[0])
	s.process.Env = append(os.Environ(), processEnv+"="+string(text))
	s.process.Stderr = os.Stderr
	_, err = s.process.StdinPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, s.process.Start())
	s.waitForProcess()
}

func (s *Server) waitForProcess() {
	s.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if conn, err := nats.Connect("nats://" + loopback(s.options.Port)); err == nil {
			conn.Close()
			return
		}
	}
	s.t.Fatal("the process of the NATS server is not ready in time")
}

// Kill kills the process of the server, without a word of warning. It can be
// started again.
func (s *Server) Kill() {
	s.t.Helper()
	require.NotNil(s.t, s.process, "the NATS server is no process of its own")
	require.NoError(s.t, s.process.Process.Kill())
	_ = s.process.Wait()
	s.process = nil
}
