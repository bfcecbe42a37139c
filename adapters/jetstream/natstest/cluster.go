package natstest

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/freeport"
)

// Cluster is three servers that replicate all data, and continue if one of them stops.
type Cluster []*Server

// NewCluster starts a cluster and waits until it has a leader.
func NewCluster(t testing.TB, settings ...Setting) Cluster {
	t.Helper()
	const size = 3
	var ports []int
	var routes []*url.URL
	for range size {
		port, err := freeport.Find()
		require.NoError(t, err)
		ports = append(ports, port)
		routes = append(routes, &url.URL{Scheme: "nats", Host: loopback(port)})
	}
	var c Cluster
	for i, port := range ports {
		c = append(c, prepare(t, append(settings, func(o *server.Options) {
			o.ServerName = "server-" + strconv.Itoa(i)
			o.Cluster = clusterOptions(port)
			o.Routes = routes
		})...))
	}
	for _, s := range c {
		s.Start()
	}
	c.WaitReady()
	return c
}

func clusterOptions(port int) server.ClusterOpts {
	return server.ClusterOpts{
		Name: "natstest", Host: "127.0.0.1", Port: port, PoolSize: -1,
		Compression: server.CompressionOpts{Mode: server.CompressionOff},
	}
}

// WaitReady waits until there is a leader, and all servers in this process are up to date.
func (c Cluster) WaitReady() {
	c[0].t.Helper()
	await(c[0].t, "the cluster of NATS servers is not ready", c.ready)
}

func (c Cluster) ready() bool {
	leader := false
	for _, s := range c {
		if s.running == nil {
			continue
		}
		if !s.running.JetStreamIsCurrent() {
			return false
		}
		leader = leader || s.running.JetStreamIsLeader()
	}
	return leader
}

// Leader returns the server that leads a stream, or nil.
func (c Cluster) Leader(stream string) *Server {
	for _, s := range c {
		if s.running != nil && s.running.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, stream) {
			return s
		}
	}
	return nil
}

// URL returns the address of all servers.
func (c Cluster) URL() string {
	var hosts []string
	for _, s := range c {
		hosts = append(hosts, loopback(s.options.Port))
	}
	return "nats://" + strings.Join(hosts, ",")
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
