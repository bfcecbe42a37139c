package web

import (
	"net"
	"net/netip"
	"sync"
)

// fairListener lets one client, who may be slow on purpose, have only a part of the connections.
type fairListener struct {
	net.Listener
	each int // how many connections one client can have

	mu   sync.Mutex
	open map[netip.Addr]int
}

func newFairListener(listener net.Listener, each int) net.Listener {
	return &fairListener{Listener: listener, each: each, open: map[netip.Addr]int{}}
}

// Accept closes connections of clients who have enough of them.
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

// clientOf returns the client that has an address with a port: in IPv6, where a client has many, that of its network.
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
