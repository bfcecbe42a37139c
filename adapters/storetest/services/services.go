// Package services starts the servers that tests of stores need.
package services

import (
	"net"
	"strconv"
	"testing"

	"github.com/quire-ci/quire-project/adapters/internal/freeport"
	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
)

// FreePort returns the address of a port on this machine that nobody uses.
func FreePort(t testing.TB) string {
	t.Helper()
	port, err := freeport.Find()
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// PostgreSQL makes an empty database for t, in a server that the tests of the
// process share, and returns its address. Where PostgreSQL is not installed, t
// is skipped.
func PostgreSQL(t testing.TB) string {
	t.Helper()
	return pgtest.Shared(t).NewDatabase(t)
}
