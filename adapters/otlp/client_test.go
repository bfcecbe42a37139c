package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/internal/posting"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/laws"
)

// collector is a fake collector that keeps what it is sent.
type collector struct {
	answer func(attempt int, w http.ResponseWriter) // nil accepts everything

	mu       sync.Mutex
	requests []*http.Request
	bodies   [][]byte // bodies of the accepted requests
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(r.Body)
	}
	data, err := io.ReadAll(body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, r)
	recorder := httptest.NewRecorder()
	recorder.Header().Set("Content-Type", "application/x-protobuf")
	if c.answer != nil {
		c.answer(len(c.requests), recorder)
	}
	if recorder.Code == http.StatusOK && err == nil {
		c.bodies = append(c.bodies, data)
	}
	for key, values := range recorder.Header() {
		w.Header()[key] = values
	}
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(recorder.Body.Bytes())
}

func (c *collector) traces(t rapid.TB) (all []ptrace.Traces) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, body := range c.bodies {
		var decoder ptrace.ProtoUnmarshaler
		traces, err := decoder.UnmarshalTraces(body)
		require.NoError(t, err)
		all = append(all, traces)
	}
	return all
}

// start serves the collector, and returns a client of it that does not pause.
func (c *collector) start(t testing.TB, options ClientOptions) *Client {
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	client, err := NewClient("otlp+"+server.URL, options)
	require.NoError(t, err)
	client.pause = time.Nanosecond
	return client
}

func (c *Client) sendAll(ctx context.Context, stream []domain.Entry) error {
	w := c.Writer(ctx, Options{Commands: true})
	left := entries(stream)
	_, err := w.Add(runID, &left, report.Options{})
	return errors.Join(err, w.Close())
}

var someRun = laws.Entries([]domain.Event{domain.NewJobStarted(1, "a"), domain.NewShStarted(2, "a", "hush"), domain.NewShFinished(3, "a", 0)})

// However often the collector is busy, the sent spans are those that a file would have.
func TestSentIsWritten(t *testing.T) {
	c := &collector{}
	client := c.start(t, ClientOptions{GiveUp: -1})
	rapid.Check(t, func(r *rapid.T) {
		stream := laws.Streams().Draw(r, "stream")
		busy := rapid.SliceOf(rapid.SampledFrom([]int{429, 502, 503, 504})).Draw(r, "busy")
		c.mu.Lock()
		c.bodies, c.answer = nil, func(_ int, w http.ResponseWriter) {
			if len(busy) > 0 {
				w.WriteHeader(busy[0])
				busy = busy[1:]
			}
		}
		c.mu.Unlock()
		require.NoError(r, client.sendAll(t.Context(), stream))
		var lines strings.Builder
		for _, traces := range c.traces(r) {
			var encoder ptrace.JSONMarshaler
			line, err := encoder.MarshalTraces(traces)
			require.NoError(r, err)
			lines.Write(append(line, '\n'))
		}
		assert.Equal(r, write(r, stream, Options{Commands: true}), lines.String())
	})
	assert.Equal(t, "/v1/traces", c.requests[0].URL.Path)
	assert.Equal(t, "application/x-protobuf", c.requests[0].Header.Get("Content-Type"))
	assert.Equal(t, "gzip", c.requests[0].Header.Get("Content-Encoding"))
}

// roundTrip is a collector without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int, header http.Header) *http.Response {
	return &http.Response{StatusCode: status, Header: header, Body: http.NoBody}
}

// The client waits as long as the collector says, in seconds or until a date; otherwise each pause
// is longer than the one before, up to a limit.
func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Duration
		began := time.Now()
		var waits []string
		client, err := NewClient("otlp+http://c", ClientOptions{})
		require.NoError(t, err)
		client.http.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
			tries = append(tries, time.Since(began))
			if len(waits) == 0 {
				return answer(200, nil), nil
			}
			wait := waits[0]
			waits = waits[1:]
			if wait == "cut" {
				return nil, syscall.ECONNRESET
			}
			return answer(503, http.Header{"Retry-After": {wait}}), nil
		})
		waits = []string{"7", began.Add(20 * time.Second).UTC().Format(http.TimeFormat), "-3", "cut", "0"}
		require.NoError(t, client.sendAll(t.Context(), someRun))
		require.Len(t, tries, 6)
		assert.Equal(t, []time.Duration{0, 7 * time.Second, 20 * time.Second}, tries[:3])
		assert.InDelta(t, 0.5, (tries[3] - tries[2]).Seconds(), 0.26, "that is no time")
		assert.InDelta(t, 0.75, (tries[4] - tries[3]).Seconds(), 0.38, "the second pause is longer")
		assert.Zero(t, tries[5]-tries[4])

		waits, tries, began = []string{"59", "2"}, nil, time.Now()
		var failed *SendError
		require.ErrorAs(t, client.sendAll(t.Context(), someRun), &failed)
		assert.Equal(t, 503, failed.Status)
		assert.Len(t, tries, 2, "a minute is over")

		waits = []string{"86400"}
		client.options.GiveUp, began = -1, time.Now()
		require.NoError(t, client.sendAll(t.Context(), someRun))
		assert.Equal(t, posting.MaxWait, time.Since(began))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		waits, began = []string{"600"}, time.Now()
		require.ErrorIs(t, client.sendAll(ctx, someRun), context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(began))
	})
}

// An attempt ends after the timeout that the environment sets.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, err := NewClient("otlp+http://c", ClientOptions{GiveUp: time.Second, Getenv: environ("OTEL_EXPORTER_OTLP_TIMEOUT=1", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=2500")})
		require.NoError(t, err)
		client.http.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		began := time.Now()
		var failed *SendError
		require.ErrorAs(t, client.sendAll(t.Context(), someRun), &failed)
		assert.Equal(t, 2500*time.Millisecond, time.Since(began))
	})
}

func environ(pairs ...string) func(string) string {
	return func(name string) string {
		for _, pair := range pairs {
			if value, ok := strings.CutPrefix(pair, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

// A permanent error is not retried, and its message contains neither the request's body nor its
// headers.
func TestRefused(t *testing.T) {
	for status, want := range map[int]string{
		400: "answered 400 Bad Request", 401: "answered 401 Unauthorized", 404: "answered 404 Not Found", 413: "answered 413 Request Entity Too Large",
		500: "answered 500 Internal Server Error", 307: "answered 307: it has another address, to which nothing was sent; name that one",
	} {
		elsewhere := &collector{}
		server := httptest.NewServer(elsewhere)
		c := &collector{answer: func(_ int, w http.ResponseWriter) {
			w.Header().Set("Location", server.URL)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "hush: t0ken")
		}}
		client := c.start(t, ClientOptions{Getenv: environ("OTEL_EXPORTER_OTLP_HEADERS=authorization=t0ken")})
		err := client.sendAll(t.Context(), someRun)
		var failed *SendError
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, status, failed.Status)
		assert.Equal(t, "cannot write: the collector at "+client.String()+" "+want, err.Error())
		assert.Len(t, c.requests, 1)
		assert.Empty(t, elsewhere.requests)
		server.Close()
	}
}

// The client retries until it gives up if the collector does not answer. It reports that once, and
// again when the collector is back.
func TestAway(t *testing.T) {
	var said []string
	c := &collector{answer: func(attempt int, w http.ResponseWriter) {
		if attempt < 4 || attempt == 5 {
			w.WriteHeader(503)
		}
	}}
	client := c.start(t, ClientOptions{Say: func(words string) { said = append(said, words) }})
	require.NoError(t, client.sendAll(t.Context(), someRun))
	require.NoError(t, client.sendAll(t.Context(), someRun))
	busy, back := "the collector at "+client.String()+" answered 503 Service Unavailable; waiting until it takes spans", "the collector takes spans again; nothing was lost"
	assert.Equal(t, []string{busy, back, busy, back}, said)

	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := closed.Addr().String()
	require.NoError(t, closed.Close())
	client, err = NewClient("otlp+http://"+address, ClientOptions{GiveUp: time.Millisecond})
	require.NoError(t, err)
	var failed *SendError
	require.ErrorAs(t, client.sendAll(t.Context(), someRun), &failed)
	assert.ErrorIs(t, failed, syscall.ECONNREFUSED)
	assert.Zero(t, failed.Status)
}

// partial returns an ExportTraceServiceResponse.
func partial(spans int64, message string) []byte {
	inner := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), uint64(spans))
	inner = protowire.AppendString(protowire.AppendTag(inner, 2, protowire.BytesType), message)
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), inner)
}

// The client reports the spans that a collector rejects, and sends the others.
func TestPartialSuccess(t *testing.T) {
	var warned []string
	c := &collector{answer: func(attempt int, w http.ResponseWriter) {
		_, _ = w.Write([][]byte{1: partial(2, "too \x1b[31mold"), 2: partial(3, "again"), 3: partial(0, "hm"), 4: partial(1<<40, strings.Repeat("é", 5000)), 5: {1, 2, 3}}[attempt])
	}}
	client := c.start(t, ClientOptions{Say: func(words string) { warned = append(warned, words) }})
	w := client.Writer(t.Context(), Options{})
	for range 2 {
		left := entries(someRun)
		_, err := w.Add(runID, &left, report.Options{})
		require.NoError(t, err)
		w.batch.flush()
	}
	err := w.Close()
	var rejected *RejectedError
	require.ErrorAs(t, err, &rejected)
	assert.Equal(t, "cannot write: the collector at "+client.String()+` rejected spans (5): "too \x1b[31mold"`, err.Error())
	require.NoError(t, client.sendAll(t.Context(), someRun))
	assert.Equal(t, []string{"the collector at " + client.String() + " says: hm"}, warned)
	require.ErrorAs(t, client.sendAll(t.Context(), someRun), &rejected)
	assert.LessOrEqual(t, len(rejected.Message), maxMessage)
	require.NoError(t, client.sendAll(t.Context(), someRun), "an answer that cannot be read is one")
	assert.Len(t, c.requests, 5)
}

// No answer does harm.
func FuzzAnswer(f *testing.F) {
	f.Add(partial(2, "x"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		e := &RejectedError{}
		e.read(answer)
		assert.LessOrEqual(t, len(e.Message), 4*maxMessage+2)
	})
}

// A response is read up to a limit.
func TestAnswerIsBounded(t *testing.T) {
	read := 0
	client, err := NewClient("otlp+http://c", ClientOptions{})
	require.NoError(t, err)
	client.http.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(endless{&read})}, nil
	})
	require.NoError(t, client.sendAll(t.Context(), someRun))
	assert.LessOrEqual(t, read, 2*posting.MaxAnswer)
}

type endless struct{ read *int }

func (e endless) Read(p []byte) (int, error) { *e.read += len(p); return len(p), nil }

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"otlp+http://localhost":        "http://localhost:4318/v1/traces",
		"otlp+http://localhost:4318":   "http://localhost:4318/v1/traces",
		"otlp+http://[::1]:1/":         "http://[::1]:1/v1/traces",
		"otlp+https://h/otlp/":         "https://h/otlp/v1/traces",
		"otlp+https://h/api/v1/traces": "https://h/api/v1/traces",
		"otlp+http://h:80/a%2Fb":       "http://h:80/a/b/v1/traces",
		"otlp+ftp://h":                 "",
		"otlp+http:///x":               "",
		"http://h":                     "",
		"otlp+http://u:secret@h":       "",
		"otlp+http://h/?token=secret":  "",
		"otlp+http://h/#secret":        "",
		"otlp+http://secret\x00":       "",
		"otlp+https://h:secret":        "",
	} {
		u, err := parseAddress(address)
		if want == "" {
			var wrong *ConfigError
			require.ErrorAs(t, err, &wrong, address)
			assert.NotContains(t, err.Error(), "secret")
			continue
		}
		require.NoError(t, err, address)
		assert.Equal(t, want, u.String())
	}
}

// The environment variables are those of all exporters; an error does not show an invalid value.
func TestEnvironment(t *testing.T) {
	c := &collector{}
	client := c.start(t, ClientOptions{Getenv: environ("OTEL_EXPORTER_OTLP_HEADERS=x-a=no", "OTEL_EXPORTER_OTLP_TRACES_HEADERS= X-A = a%20b ,, x-b=1=2,content-type=text/plain", "OTEL_EXPORTER_OTLP_COMPRESSION=none")})
	require.NoError(t, client.sendAll(t.Context(), someRun))
	header := c.requests[0].Header
	assert.Equal(t, []string{"a b", "1=2", "application/x-protobuf", ""}, []string{header.Get("X-A"), header.Get("X-B"), header.Get("Content-Type"), header.Get("Content-Encoding")})
	folder := t.TempDir()
	empty := filepath.Join(folder, "empty.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for _, wrong := range []string{
		"HEADERS=secret", "HEADERS=a=secret%zz", "HEADERS=a b=secret", "HEADERS=a=secret%0a", "HEADERS==secret", "TRACES_TIMEOUT=secret", "TIMEOUT=-1", "COMPRESSION=secret",
		"CERTIFICATE=" + empty, "CERTIFICATE=" + folder + "/none", "CLIENT_KEY=" + empty,
	} {
		_, err := NewClient("otlp+http://h", ClientOptions{Getenv: environ("OTEL_EXPORTER_OTLP_" + wrong)})
		var config *ConfigError
		require.ErrorAs(t, err, &config, wrong)
		assert.NotContains(t, err.Error(), "secret")
		assert.Contains(t, err.Error(), "$OTEL_EXPORTER_OTLP_")
	}
	_, err := NewClient("otlp+http://h", ClientOptions{Getenv: environ("OTEL_EXPORTER_OTLP_CLIENT_KEY="+empty, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE="+empty)})
	require.ErrorContains(t, err, "$OTEL_EXPORTER_OTLP_CLIENT_KEY: the key and the certificate are not a pair in PEM")
}

// The client trusts the given certificate and no other, and presents its own.
func TestCertificates(t *testing.T) {
	c := &collector{}
	server := httptest.NewUnstartedServer(c)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	folder := t.TempDir()
	own := server.TLS.Certificates[0]
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	require.NoError(t, err)
	certificate, private := write("cert.pem", "CERTIFICATE", own.Certificate[0]), write("key.pem", "PRIVATE KEY", key)
	client, err := NewClient("otlp+"+server.URL, ClientOptions{Getenv: environ("OTEL_EXPORTER_OTLP_CERTIFICATE="+certificate, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE="+certificate, "OTEL_EXPORTER_OTLP_CLIENT_KEY="+private)})
	require.NoError(t, err)
	require.NoError(t, client.sendAll(t.Context(), someRun))
	assert.True(t, bytes.Equal(own.Certificate[0], c.requests[0].TLS.PeerCertificates[0].Raw))

	client, err = NewClient("otlp+"+server.URL, ClientOptions{GiveUp: -1})
	require.NoError(t, err)
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, client.sendAll(t.Context(), someRun), &unknown, "that is not tried again")
}
