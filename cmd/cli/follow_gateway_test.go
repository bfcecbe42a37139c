package cli

import (
	"database/sql"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/storetest/services"
)

// terminateAll ends the connections of all others to a database.
func terminateAll(t *testing.T, address string) {
	t.Helper()
	db, err := sql.Open("pgx", address)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	require.NoError(t, err)
}

// gateway is the way to a server, which can be cut.
type gateway struct {
	address string // of the database, by this way
	server  string
	port    string

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]bool
	silent   bool // nothing gets through, without an error
	left     int  // how many bytes get through yet, if it is not 0
}

func newGateway(t *testing.T, address string) *gateway {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	g := &gateway{server: u.Host, port: services.FreePort(t), conns: map[net.Conn]bool{}}
	g.comeBack(t)
	t.Cleanup(g.goAway)
	u.Host = g.port
	g.address = u.String()
	return g
}

func (g *gateway) goAway() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.listener != nil {
		g.listener.Close()
	}
	g.listener = nil
	for conn := range g.conns {
		conn.Close()
	}
	clear(g.conns)
}

// hush has the server seem to be there, and not to answer.
func (g *gateway) hush() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.silent = true
}

// goAwayAfter has the server go away when some more bytes got through.
func (g *gateway) goAwayAfter(bytes int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left = bytes
}

// passage is where bytes get through, unless the gateway is silent, or about to close connections.
type passage struct {
	net.Conn
	gateway *gateway
}

func (p *passage) Write(data []byte) (int, error) {
	p.gateway.mu.Lock()
	silent, last := p.gateway.silent || p.gateway.listener == nil, p.gateway.left > 0 && p.gateway.left <= len(data)
	p.gateway.left = max(0, p.gateway.left-len(data))
	p.gateway.mu.Unlock()
	switch {
	case silent:
		return len(data), nil
	case last:
		p.gateway.goAway()
	}
	return p.Conn.Write(data)
}

func (g *gateway) comeBack(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", g.port)
	require.NoError(t, err)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listener, g.port, g.silent = listener, listener.Addr().String(), false
	go g.serve(listener)
}

func (g *gateway) serve(listener net.Listener) {
	for {
		here, err := listener.Accept()
		if err != nil {
			return
		}
		there, err := net.Dial("tcp", g.server)
		if err != nil {
			here.Close()
			continue
		}
		g.mu.Lock()
		gone := g.listener != listener // while the server was called
		if gone {
			here.Close()
			there.Close()
		} else {
			g.conns[here], g.conns[there] = true, true
		}
		g.mu.Unlock()
		if gone {
			return
		}
		for _, way := range [][2]net.Conn{{here, there}, {there, here}} {
			go func() {
				_, _ = io.Copy(&passage{way[0], g}, way[1])
				here.Close()
				there.Close()
			}()
		}
	}
}
