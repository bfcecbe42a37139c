package metrics_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/broker/metrics"
)

// serve serves until the returned function is called, which gives the error of Serve.
func serve(t *testing.T, address string, status metrics.Status) (base string, stop func() error) {
	t.Helper()
	listener, err := metrics.Listen(address)
	require.NoError(t, err)
	registry := prometheus.NewRegistry()
	metrics.New(registry)
	registry.MustRegister(status.Collector())
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	ended := make(chan error, 1)
	go func() { ended <- metrics.Serve(ctx, listener, registry, status, nil) }()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return "http://127.0.0.1:" + port, func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(5 * time.Minute):
			return errors.New("it does not end")
		}
	}
}

// ask asks for a page, calling the server by another name if host is not empty.
func ask(t *testing.T, method, url, host string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	request.Host = host
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

func TestPages(t *testing.T) {
	var sick []string
	status := metrics.Status{
		Health:      func(context.Context) []string { return sick },
		Ready:       func(context.Context) []string { return sick },
		Lag:         func(context.Context) (map[int]int64, error) { return map[int]int64{0: 5, 1: 0}, nil },
		Quarantined: func(context.Context) (int64, error) { return 2, nil },
	}
	base, stop := serve(t, ":0", status)
	if code, body := ask(t, "GET", base+"/healthz", ""); code != 200 || body != `{"status":"ok","lag":{"0":5,"1":0},"quarantined":2}`+"\n" {
		t.Error(code, body)
	}
	if code, body := ask(t, "GET", base+"/metrics", ""); code != 200 || !strings.Contains(body, `quire_partition_lag_messages{partition="0"} 5`) || !strings.Contains(body, "quire_applied_segments_total 0") {
		t.Error(code, body)
	}
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		for _, page := range []string{"/healthz", "/metrics"} {
			if code, _ := ask(t, method, base+page, ""); code != http.StatusMethodNotAllowed {
				t.Error(method, page, code)
			}
		}
	}
	for _, page := range []string{"/healthz", "/metrics"} {
		if code, body := ask(t, "HEAD", base+page, ""); code != 200 || body != "" {
			t.Error(page, code, body)
		}
	}
	if code, _ := ask(t, "GET", base+"/debug/pprof/", ""); code != http.StatusNotFound {
		t.Error(code)
	}
	if code, body := ask(t, "GET", base+"/readyz", ""); code != 200 || body != `{"status":"ok"}`+"\n" {
		t.Error(code, body)
	}
	sick = []string{"the store: the database is away"}
	if code, body := ask(t, "GET", base+"/healthz", ""); code != http.StatusServiceUnavailable || body != `{"status":"failing","problems":["the store: the database is away"],"lag":{"0":5,"1":0},"quarantined":2}`+"\n" {
		t.Error(code, body)
	}
	if code, body := ask(t, "GET", base+"/readyz", ""); code != http.StatusServiceUnavailable || body != `{"status":"failing","problems":["the store: the database is away"]}`+"\n" {
		t.Error(code, body)
	}
	if code, body := ask(t, "GET", base+"/livez", ""); code != 200 || body != `{"status":"ok"}`+"\n" {
		t.Error(code, body)
	}
	assert.NoError(t, stop())
	_, err := http.Get(base + "/healthz")
	assert.Error(t, err, "it is still there")
}

// Unknown values are null; known values are shown.
func TestPagesWithoutAnswers(t *testing.T) {
	down := errors.New("down")
	base, stop := serve(t, ":0", metrics.Status{
		Lag:         func(context.Context) (map[int]int64, error) { return nil, down },
		Quarantined: func(context.Context) (int64, error) { return 0, down },
	})
	if code, body := ask(t, "GET", base+"/healthz", ""); code != 200 || body != `{"status":"ok","lag":null,"quarantined":null}`+"\n" {
		t.Error(code, body)
	}
	if code, body := ask(t, "GET", base+"/metrics", ""); code != 200 || !strings.Contains(body, "quire_applied_segments_total") {
		t.Error(code, body)
	}
	assert.NoError(t, stop())
}

// A browser page under a foreign host name gets nothing. If the server allows everybody, any name is
// right.
func TestNamesOfTheServer(t *testing.T) {
	local, stopLocal := serve(t, "127.0.0.1:0", metrics.Status{})
	for host, want := range map[string]int{
		"localhost": 200, "localhost:9090": 200, "127.0.0.1:1": 200, "[::1]": 200, "[::1]:9090": 200, "LocalHost": 200, "127.0.0.2:1": 200,
		"evil.example": 403, "evil.example:80": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403, "10.0.0.1": 403,
	} {
		for _, page := range []string{"/healthz", "/metrics", "/"} {
			if code, _ := ask(t, "GET", local+page, host); code != want && (page != "/" || want == 403) {
				t.Errorf("%s as %s: %d", page, host, code)
			}
		}
	}
	open, stopOpen := serve(t, "0.0.0.0:0", metrics.Status{})
	if code, _ := ask(t, "GET", open+"/healthz", "ci.example:9090"); code != 200 {
		t.Error(code)
	}
	for _, stop := range []func() error{stopLocal, stopOpen} {
		assert.NoError(t, stop())
	}
}

// Serve completes a request that is in progress when it has to end.
func TestServeEndsGracefully(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	base, stop := serve(t, "localhost:0", metrics.Status{Health: func(context.Context) []string {
		close(asked)
		<-answer
		return nil
	}})
	code := make(chan int, 1)
	go func() { n, _ := ask(t, "GET", base+"/healthz", ""); code <- n }()
	<-asked
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	time.Sleep(20 * time.Millisecond)
	close(answer)
	assert.Equal(t, 200, <-code)
	assert.NoError(t, <-stopped)
}

func TestListen(t *testing.T) {
	for address, want := range map[string]string{":0": "127.0.0.1", "[::1]:0": "::1", "0.0.0.0:0": "0.0.0.0"} {
		listener, err := metrics.Listen(address)
		if err != nil {
			if address == "[::1]:0" {
				continue // a machine may have no IPv6
			}
			t.Fatal(err)
		}
		host, _, _ := net.SplitHostPort(listener.Addr().String())
		if host != want && !(want == "0.0.0.0" && host == "::") {
			t.Errorf("%s listens at %s", address, host)
		}
		listener.Close()
	}
	for _, bad := range []string{"", "9090", "nowhere.invalid:0"} {
		if listener, err := metrics.Listen(bad); err == nil {
			listener.Close()
			t.Errorf("it listens at %q", bad)
		}
	}
}
