package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What serve is given is what it serves: streams, a store, and who is let in over TLS.
func TestServe(t *testing.T) {
	folder := t.TempDir()
	token, cert, key := filepath.Join(folder, "token"), filepath.Join(folder, "cert"), filepath.Join(folder, "key")
	require.NoError(t, os.WriteFile(token, []byte("0123456789abcdef\n"), 0o600))
	writePair(t, cert, key)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	store := "sqlite:" + filepath.Join(folder, "quire.db")
	for _, test := range []struct {
		args   []string
		scheme string
		status int // without a token
	}{
		{[]string{"../../fixtures"}, "http://", http.StatusOK},
		{[]string{"../../fixtures", "--to", store, "--token-file", token}, "http://", http.StatusUnauthorized},
		{[]string{"--to", store, "--token-file", token, "--tls-cert", cert, "--tls-key", key}, "https://", http.StatusUnauthorized},
	} {
		ctx, stop := context.WithCancel(t.Context())
		messages, errs := io.Pipe()
		done := make(chan int, 1)
		go func() {
			done <- Run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0"}, test.args...), io.Discard, errs)
			_ = errs.Close()
		}()
		lines := bufio.NewReader(messages)
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		_, url, found := strings.Cut(strings.TrimSpace(line), "serving at ")
		require.True(t, found && strings.HasPrefix(url, test.scheme), "%s", line)
		go func() { _, _ = io.Copy(io.Discard, lines) }()
		for given, want := range map[string]int{"": test.status, "0123456789abcdef": http.StatusOK} {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/runs", nil)
			require.NoError(t, err)
			request.Header.Set("Authorization", "Bearer "+given)
			answer, err := client.Do(request)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, answer.Body)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			assert.Equal(t, want, answer.StatusCode, "%v", test.args)
		}
		stop()
		assert.Zero(t, <-done)
	}
	for want, args := range map[string]string{
		"serve takes a folder":            "",
		"--token-file: ":                  "runs --token-file " + cert + ".none",
		"--tls-cert and --tls-key go tog": "runs --tls-key " + key,
		"--tls-cert: ":                    "runs --tls-cert " + key + " --tls-key " + cert,
		"--listen: ":                      "runs --listen none",
	} {
		var errs bytes.Buffer
		assert.Equal(t, 2, Run(t.Context(), append([]string{"serve"}, strings.Fields(args)...), io.Discard, &errs))
		assert.Contains(t, errs.String(), want)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	var errs bytes.Buffer
	assert.Equal(t, 1, Run(t.Context(), []string{"serve", "runs", "--listen", taken.Addr().String()}, io.Discard, &errs))
	assert.Contains(t, errs.String(), "; name another one")
}

// writePair writes a certificate and its key.
func writePair(t *testing.T, cert, key string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	public, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
}
