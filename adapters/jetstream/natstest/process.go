package natstest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// processEnv holds the settings of a server that is a process of its own.
const processEnv = "NATSTEST_PROCESS"

// settings are the settings of such a process. They do not include authentication.
type settings struct {
	Name, Folder, Routes string
	Port, ClusterPort    int // ClusterPort is 0 without a cluster
}

// Main runs a server, if the test program was started as one, and exits. Call it first in the
// TestMain of a package that calls [Server.StartProcess].
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

// serve runs a server until standard input ends, at the latest with the test.
func serve(text string) error {
	var s settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	options := defaults(s.Folder, s.Port)
	options.ServerName = s.Name
	if s.ClusterPort != 0 {
		options.Cluster, options.Routes = clusterOptions(s.ClusterPort), server.RoutesFromStr(s.Routes)
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

// StartProcess starts a stopped server in a process of its own, which
// [Server.Kill] can kill. It ignores all settings except those of a cluster.
func (s *Server) StartProcess() {
	s.t.Helper()
	var routes []string
	for _, route := range s.options.Routes {
		routes = append(routes, route.String())
	}
	text, err := json.Marshal(settings{
		Name: s.options.ServerName, Folder: s.options.StoreDir, Port: s.options.Port,
		ClusterPort: s.options.Cluster.Port, Routes: strings.Join(routes, ","),
	})
	require.NoError(s.t, err)
	s.process = exec.Command(os.Args[0])
	s.process.Env = append(os.Environ(), processEnv+"="+string(text))
	s.process.Stderr = os.Stderr
	_, err = s.process.StdinPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, s.process.Start())
	await(s.t, "the process of the NATS server is not ready", func() bool {
		conn, err := nats.Connect("nats://" + loopback(s.options.Port))
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// await waits until a condition holds.
func await(t testing.TB, otherwise string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(timeout); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if condition() {
			return
		}
	}
	t.Fatal(otherwise, " in time")
}

// Kill kills the process of the server, which you can start again.
func (s *Server) Kill() {
	s.t.Helper()
	require.NotNil(s.t, s.process, "the NATS server is not a process of its own")
	require.NoError(s.t, s.process.Process.Kill())
	_ = s.process.Wait()
	s.process = nil
}
