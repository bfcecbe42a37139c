// Package services starts the servers that tests of stores need.
package services

import (
	"testing"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
)

// PostgreSQL makes an empty database for t, in a server that the tests of the
// process share, and returns its address. Where PostgreSQL is not installed, t
// is skipped.
func PostgreSQL(t testing.TB) string {
	t.Helper()
	return pgtest.Shared(t).NewDatabase(t)
}
