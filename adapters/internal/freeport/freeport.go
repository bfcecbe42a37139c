// Package freeport finds ports for servers of tests, which take them a moment later, or give
// them up and take them again.
package freeport

import (
	"math/rand/v2"
	"net"
	"strconv"
)

// Find returns a port on which nobody listens. It is below the range from which the system
// takes ports for connections and for servers that let it choose, so that only another call
// of Find could give it away meanwhile.
func Find() (port int, err error) {
	for range 1000 {
		port = 10_000 + rand.IntN(22_000)
		var listener net.Listener
		if listener, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, listener.Close()
		}
	}
	return 0, err
}
