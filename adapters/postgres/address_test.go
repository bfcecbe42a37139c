package postgres

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
)

func TestAddress(t *testing.T) {
	for address, host := range map[string]string{
		"postgres://host/db": "host",
		"postgresql://host":  "host",
		"postgres://user:p%40ss%2F%3F@host:5433/db?sslmode=disable": "host",
		"postgres://user:p:a:s:s@host:5433/db":                      "host",
		"postgres://user@one:1,two:2/db":                            "one",
		"postgres://user:pass@[::1]:5433/db":                        "::1",
		"postgres:///db?host=/run/postgresql&user=me":               "/run/postgresql",
		"postgres://user@host/db?search_path=a,b":                   "host",
	} {
		config, err := parse(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		assert.Equal(t, host, config.ConnConfig.Host, "%s: the host", address)
	}
}

// No error shows any part of the password in an address, whatever is wrong with the
// address.
func TestPasswordIsNotShown(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, address := range []string{
		"postgres://user:s3cr@et@127.0.0.1:1/db",
		"postgres://user:s3cr/et@127.0.0.1:1/db",
		"postgres://user:s3cr?et@127.0.0.1:1/db",
		"postgres://user:s3cr?x=y@et@127.0.0.1:1/db",
		"postgres://user:s3cr#et@127.0.0.1:1/db",
		"postgres://user:s3cr%et@127.0.0.1:1/db",
		"postgres://user:123/s3cr@127.0.0.1:1/db",
		"postgres://user:123?s3cr@127.0.0.1:1/db",
		"postgres://user:s3cret/db",
		"postgres://user:s3cret",
		"postgres://user:s3cret@127.0.0.1:port/db",
		"postgres://user:s3cret@127.0.0.1:99999/db",
		"postgres://user:s3cret@127.0.0.1:1/db",
		"postgres://user:s3cret@127.0.0.1:1/db?sslmode=wrong",
		"postgres://user:s3cret@127.0.0.1:1/db?connect_timeout=wrong",
		"postgres://user:s3cret@127.0.0.1:1/db?pool_max_conns=-1",
		"postgres://127.0.0.1:1/db?password=s3cr&et&user=me",
		"postgres://127.0.0.1:1/db?user=me&password=s3cret&sslmode=wrong",
		"postgres://127.0.0.1:1/db?user=me&password=s3cr%et",
		"postgres://user:s3cret@127.0.0.1:1/db\n",
		"postgres:user:s3cret@127.0.0.1:1/db",
		"mysql://user:s3cret@127.0.0.1:1/db",
		"user:s3cret@127.0.0.1/db",
		"host=127.0.0.1 port=1 user=me password=s3cret",
	} {
		s, err := Open(ctx, address)
		if err == nil {
			s.Close()
			t.Errorf("%s: opened", address)
			continue
		}
		checkSecret(t, address, err, "s3cr", "et@", "&et", "%et")
	}
}

func TestWrongPassword(t *testing.T) {
	server := pgtest.Shared(t)
	address := strings.Replace(server.URL("postgres"), ":secret-", ":s3cret-", 1)
	_, err := Open(context.Background(), address)
	require.Error(t, err)
	require.Contains(t, err.Error(), "password authentication failed")
	checkSecret(t, address, err, "s3cret")
}

// checkSecret looks for secrets in the text of an error, and in all errors that it wraps.
func checkSecret(t *testing.T, address string, err error, secrets ...string) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		for _, secret := range secrets {
			assert.NotContains(t, err.Error(), secret, "%s: the error shows", address)
		}
	}
}
