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
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// serve serves streams and stores, over TLS and with tokens.
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
		url, stop := serving(t, test.args...)
		require.True(t, strings.HasPrefix(url, test.scheme), url)
		for given, want := range map[string]int{"": test.status, "0123456789abcdef": http.StatusOK} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/runs", nil)
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
	}
	for want, args := range map[string]string{
		"serve takes a folder":             "",
		"--token-file: ":                   "runs --token-file " + cert + ".none",
		"--tls-cert and --tls-key go tog":  "runs --tls-key " + key,
		"--tls-cert: ":                     "runs --tls-cert " + key + " --tls-key " + cert,
		"--listen: ":                       "runs --listen none",
		"--listen: other machines could":   "runs --listen 0.0.0.0:0",
		"; see quire-project serve --help": "runs more",
	} {
		var errs bytes.Buffer
		assert.Equal(t, 2, Run(t.Context(), append([]string{"serve"}, strings.Fields(args)...), io.Discard, &errs))
		assert.Contains(t, errs.String(), want)
		assert.NotContains(t, errs.String(), "serving at")
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	var errs bytes.Buffer
	assert.Equal(t, 1, Run(t.Context(), []string{"serve", "runs", "--listen", taken.Addr().String()}, io.Discard, &errs))
	assert.Contains(t, errs.String(), "; name another one")
}

// serving runs serve, and returns its address and a function that stops it.
func serving(t *testing.T, args ...string) (url string, stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	messages, errs := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- Run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...), io.Discard, errs)
		_ = errs.Close()
	}()
	lines := bufio.NewReader(messages)
	line, err := lines.ReadString('\n')
	require.NoError(t, err, "%s", line)
	_, url, found := strings.Cut(strings.TrimSpace(line), "serving at ")
	require.True(t, found, "%s", line)
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	return url, func() {
		cancel()
		assert.Zero(t, <-done)
	}
}

// serve says that it waits for a folder, because its name may be misspelt.
func TestServeOfNoFolder(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	messages, errs := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- Run(ctx, []string{"serve", filepath.Join(t.TempDir(), "nope"), "--listen", "127.0.0.1:0"}, io.Discard, errs)
		_ = errs.Close()
	}()
	lines := bufio.NewScanner(messages)
	for lines.Scan() && !strings.Contains(lines.Text(), "nope, which is not there yet") {
		assert.Contains(t, lines.Text(), "serving at")
	}
	assert.NoError(t, lines.Err())
	cancel()
	_, _ = io.Copy(io.Discard, messages)
	assert.Zero(t, <-done)
}

// serve does not create a store only to show it, because its name may be misspelt.
func TestServeOfNoStore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "typo.db")
	var errs bytes.Buffer
	assert.Equal(t, 1, Run(t.Context(), []string{"serve", "--to", "sqlite:" + file, "--listen", "127.0.0.1:0"}, io.Discard, &errs))
	assert.Contains(t, errs.String(), "--create")
	assert.NoFileExists(t, file)
}

// publish sends streams to serve, with a token for each run, and reports wrong arguments.
func TestPublishToServer(t *testing.T) {
	folder := t.TempDir()
	token, cert, key := filepath.Join(folder, "token"), filepath.Join(folder, "cert"), filepath.Join(folder, "key")
	require.NoError(t, os.WriteFile(token, []byte("0123456789abcdef\n"), 0o600))
	writePair(t, cert, key)
	url, stop := serving(t, "--create", "--to", "sqlite:"+filepath.Join(folder, "quire.db"), "--token-file", token, "--tls-cert", cert, "--tls-key", key)
	defer stop()
	run := func(args ...string) (int, string, string) {
		var out, errs bytes.Buffer
		status := Run(t.Context(), args, &out, &errs)
		return status, strings.TrimSpace(out.String()), errs.String()
	}
	ended := filepath.Join(folder, "ended.jsonl")
	require.NoError(t, os.WriteFile(ended, []byte(`{"at_ms":300,"type":"run_finished","outcome":"succeeded"}`+"\n"), 0o600))
	_, ofRun, _ := run("token", "42", "--token-file", token)
	for _, test := range []struct {
		args   string
		token  string // in the environment
		status int
		says   string
	}{
		{"../../fixtures/rapid-ci.jsonl --tls-ca CERT --token-file TOKEN", "", 0, "published 1 run in 1 segment to https://"},
		{"../../fixtures/rapid-ci.jsonl --tls-ca CERT --token-file TOKEN", "", 0, "published 1 run in 0 segments to https://"},
		{"ENDED --tls-ca CERT --follow --token-file TOKEN", "", 0, "published 1 run"},
		{"../../fixtures/rapid-ci.jsonl --tls-ca CERT --run-id 42", ofRun, 0, "published 1 run in 1"},
		{"../../fixtures/rapid-ci.jsonl --tls-ca CERT --run-id 42", ofRun, 0, "published 1 run in 0"},
		{"ENDED --tls-ca CERT --run-id 42", ofRun, 1, "and this one has fewer; publish another stream as another run"},
		{"../../fixtures/rapid-ci.jsonl --tls-ca CERT --run-id 43", ofRun, 1, "this token does not allow writing to this run; --token-file"},
		{"../../fixtures/rapid-ci.jsonl --tls-ca CERT", "", 1, "$QUIRE_TOKEN"},
		{"../../fixtures/rapid-ci.jsonl --token-file TOKEN", "", 1, "--tls-ca"},
		{"../../fixtures/rapid-ci.jsonl --token-file TOKEN.none", "", 2, "--token-file: "},
		{"../../fixtures/rapid-ci.jsonl --partitions 3", "", 2, "--partitions"},
		{"../../fixtures/rapid-ci.jsonl", "a secret", 2, "a token has a character"},
	} {
		t.Setenv("QUIRE_TOKEN", test.token)
		args := strings.Fields(strings.NewReplacer("CERT", cert, "ENDED", ended, "TOKEN", token).Replace(test.args))
		status, _, errs := run(append([]string{"publish", "--to", url}, args...)...)
		assert.Equal(t, test.status, status, "%s: %s", test.args, errs)
		assert.Contains(t, errs, test.says)
		assert.LessOrEqual(t, strings.Count(errs, "run rapid-ci:")+strings.Count(errs, "run 43:"), 1, "the run is named twice")
		assert.NotContains(t, errs, "0123456789abcdef")
		assert.NotContains(t, errs, ofRun)
	}
	for _, to := range []string{"http://u:secret@host", "https://host?secret", "ftp://secret", "http://host --token-file secret", "nats://secret@host --token-file " + token} {
		status, _, errs := run(append([]string{"publish", "../../fixtures/rapid-ci.jsonl", "--to"}, strings.Fields(to)...)...)
		assert.Equal(t, 2, status, to)
		assert.NotContains(t, strings.ReplaceAll(errs, "secret: no such file", ""), "secret", to)
	}
	_, want, _ := run("../../fixtures/rapid-ci.jsonl", "--to", "json", "--run-id", "42")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/runs/42", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer 0123456789abcdef")
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	answer, err := client.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	assert.Equal(t, want, strings.TrimSpace(string(got)))
}

// writePair writes a certificate and its key.
func writePair(t *testing.T, cert, key string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour)}
	public, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
}
