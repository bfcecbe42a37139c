package natstest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"
)

// Credentials is an account whose users are known by keys, and the .creds file of
// one of them.
type Credentials struct {
	// File is the path of the .creds file.
	File string
	// Seed is the secret that is in it.
	Seed string

	trusted *jwt.OperatorClaims
	system  string            // the public key of the server's own account
	claims  map[string]string // JWTs of accounts by their public keys
}

// NewCredentials makes an account and a user.
func NewCredentials(t testing.TB) Credentials {
	t.Helper()
	must := func(err error) {
		t.Helper()
		require.NoError(t, err)
	}
	keys := func(create func() (nkeys.KeyPair, error)) (nkeys.KeyPair, string) {
		t.Helper()
		pair, err := create()
		must(err)
		public, err := pair.PublicKey()
		must(err)
		return pair, public
	}
	operator, operatorKey := keys(nkeys.CreateOperator)
	account, accountKey := keys(nkeys.CreateAccount)
	_, systemKey := keys(nkeys.CreateAccount)
	user, userKey := keys(nkeys.CreateUser)

	trusted := jwt.NewOperatorClaims(operatorKey)
	_, err := trusted.Encode(operator)
	must(err)
	holder := jwt.NewAccountClaims(accountKey)
	holder.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	claims := map[string]string{}
	claims[accountKey], err = holder.Encode(operator)
	must(err)
	claims[systemKey], err = jwt.NewAccountClaims(systemKey).Encode(operator)
	must(err)
	card, err := jwt.NewUserClaims(userKey).Encode(account)
	must(err)
	seed, err := user.Seed()
	must(err)
	content, err := jwt.FormatUserConfig(card, seed)
	must(err)
	file := filepath.Join(t.TempDir(), "user.creds")
	must(os.WriteFile(file, content, 0o600))
	return Credentials{File: file, Seed: string(seed), trusted: trusted, system: systemKey, claims: claims}
}

// Accounts has the server let in only who has credentials of this account.
func Accounts(t testing.TB, c Credentials) Setting {
	t.Helper()
	resolver := &server.MemAccResolver{}
	for account, claims := range c.claims {
		require.NoError(t, resolver.Store(account, claims))
	}
	return func(o *server.Options) {
		o.TrustedOperators, o.AccountResolver, o.SystemAccount = []*jwt.OperatorClaims{c.trusted}, resolver, c.system
	}
}
