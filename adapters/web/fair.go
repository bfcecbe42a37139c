package web

import (
	"net"
	"net/netip"
	"sync"
)

// fairListener limits the connections of one client, so that a slow or hostile client leaves some
// for others.
type fairListener struct {
	net.Listener
	each int // limit of connections of one client

	mu   sync.Mutex
	open map[netip.Addr]int
}

func newFairListener(listener net.Listener, each int) net.Listener {
	return &fairListener{Listener: listener, each: each, open: map[netip.Addr]int{}}
}

// Accept closes new connections of clients that have reached their limit.
func (l *fairListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client := clientOf(c.RemoteAddr().String())
		if l.enter(client) {
			return &fairConn{c, sync.OnceFunc(func() { l.leave(client) })}, nil
		}
		_ = c.Close()
	}
}

// clientOf returns the client that an address with a port belongs to: in IPv6, where a client has
// many addresses, its network.
func clientOf(address string) netip.Addr {
	from, err := netip.ParseAddrPort(address)
	if err != nil {
		return netip.Addr{}
	}
	client := from.Addr().Unmap().WithZone("")
	if client.Is6() {
		return netip.PrefixFrom(client, 64).Masked().Addr()
	}
	return client
}

func (l *fairListener) enter(client netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[client] >= l.each {
		return false
	}
	l.open[client]++
	return true
}

func (l *fairListener) leave(client netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[client]--; l.open[client] == 0 {
		delete(l.open, client)
	}
}

type fairConn struct {
	net.Conn
	leave func()
}

func (c *fairConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
