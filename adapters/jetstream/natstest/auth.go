package natstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"
)

// Certificates are PEM files: of a CA, and of a key with a certificate of that CA for a server
// on this machine and for a client.
type Certificates struct{ CA, Cert, Key string }

// NewCertificates makes a CA and a certificate.
func NewCertificates(t testing.TB) Certificates {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "natstest"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	folder := t.TempDir()
	file := func(name, kind string, content []byte) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600))
		return path
	}
	whole := file("cert.pem", "CERTIFICATE", cert)
	return Certificates{CA: whole, Cert: whole, Key: file("key.pem", "PRIVATE KEY", secret)}
}

// TLS makes the server require TLS.
func TLS(t testing.TB, c Certificates) Setting { return speakTLS(t, c, tls.NoClientCert) }

// MutualTLS makes the server require TLS with a client certificate.
func MutualTLS(t testing.TB, c Certificates) Setting {
	return speakTLS(t, c, tls.RequireAndVerifyClientCert)
}

func speakTLS(t testing.TB, c Certificates, clients tls.ClientAuthType) Setting {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	require.NoError(t, err)
	content, err := os.ReadFile(c.CA)
	require.NoError(t, err)
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(content)
	return func(o *server.Options) {
		o.TLS, o.TLSVerify = true, clients != tls.NoClientCert
		o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: authorities, ClientAuth: clients}
	}
}

// Credentials is an account whose users authenticate with keys, and the .creds file of one
// user.
type Credentials struct {
	// File is the path of the .creds file.
	File string
	// Seed is the secret in the file.
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

// Accounts makes the server require credentials of this account.
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
