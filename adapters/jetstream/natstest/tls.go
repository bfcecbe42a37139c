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

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

// Certificates are PEM files: of an authority, and of a key and a certificate
// by it that are good for a server on this machine and for a client.
type Certificates struct{ CA, Cert, Key string }

// NewCertificates makes an authority and a certificate.
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

// TLS has the server speak TLS only.
func TLS(t testing.TB, c Certificates) Setting { return speakTLS(t, c, tls.NoClientCert) }

// MutualTLS has the server speak TLS only, with clients that have a certificate
// too.
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
