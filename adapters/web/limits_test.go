package web_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// stalled sends a part of a body, and the rest when it is closed. begun is done when the server
// reads it.
type stalled struct {
	part  io.Reader
	begun func()
	ended <-chan struct{}
}

func (s *stalled) Read(p []byte) (int, error) {
	n, err := s.part.Read(p)
	if err == io.EOF {
		s.begun()
		<-s.ended
	}
	return n, err
}

// sent posts a body without a network.
func sent(h http.Handler, run string, offset int, body io.Reader, change func(*http.Request)) *httptest.ResponseRecorder {
	request := httptest.NewRequestWithContext(context.Background(), "POST", fmt.Sprintf("/api%s/segments?offset=%d", web.RunPath(domain.RunID(run)), offset), body)
	if change != nil {
		change(request)
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, request)
	return answer
}

// Slow clients, even as many as there can be connections, do not keep the server from serving
// others, and are served themselves.
func TestSlowSenders(t *testing.T) {
	db := memory.Of(set)
	server := web.New(web.Options{Store: db, Ingest: &jsonl.Options{}})
	defer server.Close()
	var begun, answered sync.WaitGroup
	end := make(chan struct{})
	const senders = 4096
	begun.Add(senders)
	for i := range senders {
		answered.Go(func() {
			answer := sent(server, fmt.Sprint("slow ", i), 0, &stalled{strings.NewReader(started), begun.Done, end}, nil)
			assert.Equal(t, http.StatusNoContent, answer.Code, answer.Body)
		})
	}
	begun.Wait()
	large := strings.Repeat(started, web.MaxSegment/2/len(started))
	require.Equal(t, http.StatusNoContent, sent(server, "quick", 0, strings.NewReader(large), nil).Code)
	require.Equal(t, http.StatusOK, get(t, server, "/runs/quick").Code)
	close(end)
	answered.Wait()
}

// piped is a listener for connections within this process.
type piped chan net.Conn

func (p piped) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p piped) Close() error { close(p); return nil }

func (p piped) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// A body has half a minute to arrive. If it does not, the server writes none of it and answers 408.
func TestSlowBody(t *testing.T) {
	for name, test := range map[string]struct {
		each   time.Duration // pause before each byte of the client
		status int
	}{
		"in time":  {29 * time.Second / time.Duration(len(started)), http.StatusNoContent},
		"too slow": {31 * time.Second / time.Duration(len(started)-1), http.StatusRequestTimeout},
		"never":    {time.Hour, http.StatusRequestTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := memory.Of(set)
				server := web.New(web.Options{Store: db, Ingest: &jsonl.Options{}})
				listener, done := make(piped), make(chan error, 1)
				ctx, stop := context.WithCancel(t.Context())
				go func() { done <- web.Serve(ctx, listener, server, web.Access{}) }()
				client, connection := net.Pipe()
				listener <- connection
				began := time.Now()
				var sending sync.WaitGroup
				sending.Go(func() {
					_, err := fmt.Fprintf(client, "POST /api/runs/a/segments?offset=0 HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", len(started))
					for i := 0; err == nil && i < len(started); i++ {
						time.Sleep(test.each)
						_, err = client.Write([]byte(started[i : i+1]))
					}
				})
				answer, err := http.ReadResponse(bufio.NewReader(client), nil)
				if assert.NoError(t, err) {
					defer answer.Body.Close()
					assert.Equal(t, test.status, answer.StatusCode)
				}
				if test.status == http.StatusRequestTimeout {
					assert.Equal(t, 30*time.Second, time.Since(began))
					assert.Empty(t, must(db.Checkpoints(t.Context(), []domain.RunID{"a"})))
				}
				client.Close()
				sending.Wait()
				stop()
				assert.NoError(t, <-done)
				server.Close()
			})
		})
	}
}

// Clients that have the token of one run only, and write to that run, delay nobody: only some of
// their requests are read at once.
func TestManySendersOfOneRun(t *testing.T) {
	server := web.New(web.Options{Store: memory.Of(set), Ingest: &jsonl.Options{}})
	defer server.Close()
	var reading, answered sync.WaitGroup
	end := make(chan struct{})
	reading.Add(web.MaxWriters)
	part := strings.Repeat(started, web.MaxSegment*9/10/len(started))
	for range web.MaxWriters {
		answered.Go(func() {
			sent(server, "run", 0, &stalled{strings.NewReader(part), reading.Done, end}, nil)
		})
	}
	reading.Wait()
	answer := sent(server, "run", 0, strings.NewReader(started), nil)
	require.Equal(t, http.StatusTooManyRequests, answer.Code)
	require.NotEmpty(t, answer.Header().Get("Retry-After"))
	require.Equal(t, http.StatusNoContent, sent(server, "other", 0, strings.NewReader(started), nil).Code)
	close(end)
	answered.Wait()
	require.Equal(t, http.StatusNoContent, sent(server, "run", 0, strings.NewReader(started), nil).Code)
}

// blocked is a response whose writes wait until the test releases it.
type blocked struct {
	*httptest.ResponseRecorder
	writes   sync.Once
	written  chan struct{}
	released <-chan struct{}
}

func (b *blocked) Write([]byte) (int, error) {
	b.writes.Do(func() { close(b.written) })
	<-b.released
	return 0, io.ErrClosedPipe
}

// A viewer that does not read its answer delays neither other viewers nor senders.
func TestSlowViewer(t *testing.T) {
	server := web.New(web.Options{Store: memory.Of(set), Ingest: &jsonl.Options{}})
	defer server.Close()
	page := httptest.NewServer(server)
	defer page.Close()
	require.Equal(t, http.StatusNoContent, sent(server, "run", 0, strings.NewReader(started), nil).Code)
	released := make(chan struct{})
	var group sync.WaitGroup
	for _, path := range []string{"/runs/run/events", "/runs/run", "/", "/api/runs/run"} {
		b := &blocked{ResponseRecorder: httptest.NewRecorder(), written: make(chan struct{}), released: released}
		group.Go(func() {
			defer func() { _ = recover() }() // a page that has begun is aborted
			server.ServeHTTP(b, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
		})
		<-b.written
	}
	quick, err := http.Get(page.URL + "/runs/run/events")
	require.NoError(t, err)
	defer quick.Body.Close()
	lines := bufio.NewScanner(quick.Body)
	for at := len(started); at < 5*len(started); at += len(started) {
		require.Equal(t, http.StatusNoContent, sent(server, "run", at, strings.NewReader(started), nil).Code)
		for want := fmt.Sprint("id: ", at+len(started)); lines.Text() != want; {
			require.True(t, lines.Scan(), "no event at %s", want)
		}
	}
	close(released)
	group.Wait()
}

// A page answers 405 to methods other than its own.
func TestMethods(t *testing.T) {
	server := web.New(web.Options{Store: memory.Of(set), Ingest: &jsonl.Options{}})
	defer server.Close()
	for _, path := range []string{"/", "/runs/a", "/runs/a/events", "/runs/a/log/b/1", "/api/runs", "/api/runs/a", "/feed", "/badge.svg", "/assets/x"} {
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
			answer := httptest.NewRecorder()
			server.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), method, path, nil))
			require.Equal(t, http.StatusMethodNotAllowed, answer.Code, method+" "+path)
			require.Equal(t, "GET, HEAD", answer.Header().Get("Allow"), method+" "+path)
			require.Equal(t, "nosniff", answer.Header().Get("X-Content-Type-Options"))
		}
	}
}

// A compressed body is refused, and not decompressed.
func TestCompressedBody(t *testing.T) {
	server := web.New(web.Options{Store: memory.Of(set), Ingest: &jsonl.Options{}})
	defer server.Close()
	var body bytes.Buffer
	w := gzip.NewWriter(&body)
	_, _ = w.Write([]byte(started))
	_ = w.Close()
	answer := sent(server, "run", 0, &body, func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") })
	require.Equal(t, http.StatusUnsupportedMediaType, answer.Code)
	require.Equal(t, http.StatusNoContent, sent(server, "run", 0, strings.NewReader(started), func(r *http.Request) { r.Header.Set("Content-Encoding", "identity") }).Code)
}

// Behind a proxy on the same machine, requests from a page of another site whose name points to the
// server (DNS rebinding) are refused, whatever headers they have.
func TestTrustedHeaderOfOtherSite(t *testing.T) {
	base := listen(t, "127.0.0.1:0", web.Access{TrustHeader: "X-Forwarded-User"})
	ask := func(host string) int {
		return status(t, http.DefaultClient, "GET", base, func(r *http.Request) {
			r.Header.Set("X-Forwarded-User", "ada")
			r.Host = host
		})
	}
	require.Equal(t, 200, ask("localhost"))
	require.Equal(t, 403, ask("evil.example"))
}

// The server closes the connection of an unauthorized client: strangers could otherwise hold all
// connections.
func TestStrangersAreNotKept(t *testing.T) {
	const token = "a-token-of-some-length"
	base := listen(t, "0.0.0.0:0", web.Access{Token: token})
	for _, path := range []string{"GET / HTTP/1.1", "POST /api/runs/a/segments?offset=0 HTTP/1.1\r\nAuthorization: Bearer wrong", "POST /login HTTP/1.1", "GET /livez HTTP/1.1"} {
		c, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
		require.NoError(t, err)
		_, _ = fmt.Fprintf(c, "%s\r\nHost: x\r\nContent-Length: 0\r\n\r\n", path)
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err)
		require.True(t, answer.Close, path)
		answer.Body.Close()
		c.Close()
	}
}

// A client that opens connections and sends nothing leaves some for others, and can open new ones
// after it has closed some.
func TestConnectionsOfOneClient(t *testing.T) {
	base := listen(t, "127.0.0.1:0", web.Access{})
	address := strings.TrimPrefix(base, "http://")
	greedy := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	var open []net.Conn
	connect := func() net.Conn {
		c, err := greedy.DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Skip("this machine has one address only: ", err)
		}
		open = append(open, c)
		return c
	}
	ask := func(c net.Conn) bool {
		_, _ = io.WriteString(c, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		return err == nil && answer.Body.Close() == nil
	}
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	for range web.MaxOfClient {
		require.True(t, ask(connect()))
	}
	require.False(t, ask(connect()), "one client has all connections")
	require.Equal(t, http.StatusOK, status(t, http.DefaultClient, "GET", base, nil))
	open[0].Close()
	require.Eventually(t, func() bool { return ask(connect()) }, patience, time.Millisecond)
}

// connected serves the handler of a server, and returns a connection to it and what ends both. Time is that of a bubble.
func connected(t *testing.T, h http.Handler) (client net.Conn, end func()) {
	listener, done := make(piped), make(chan error, 1)
	ctx, stop := context.WithCancel(t.Context())
	go func() { done <- web.Serve(ctx, listener, h, web.Access{}) }()
	client, connection := net.Pipe()
	listener <- connection
	return client, func() {
		client.Close()
		stop()
		assert.NoError(t, <-done)
	}
}

// A client that is too slow is left: one that sends no headers, one that sends a body that nobody waits for, one that
// does not read an answer, and one that asks for nothing more.
func TestTimeouts(t *testing.T) {
	const head = "GET / HTTP/1.1\r\nHost: localhost\r\n"
	answers := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, strings.Repeat("x", 8<<10))
	})
	for name, test := range map[string]struct {
		sends string
		reads bool // the answer
		after time.Duration
	}{
		"nothing":          {"", true, 5 * time.Second},
		"a part of a head": {head, true, 5 * time.Second},
		"a part of a body": {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345", true, time.Minute},
		"and never reads":  {head + "\r\n", false, time.Minute},
		"and nothing more": {head + "\r\n", true, 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, end := connected(t, answers)
				defer end()
				begun := time.Now()
				_, err := io.WriteString(client, test.sends)
				require.NoError(t, err)
				if !test.reads {
					time.Sleep(test.after + time.Second)
					got, err := io.ReadAll(client)
					require.NoError(t, err, "the connection is closed")
					require.Empty(t, got)
					return
				}
				_, err = io.ReadAll(client)
				require.NoError(t, err, "the connection is closed")
				require.Equal(t, test.after, time.Since(begun).Round(time.Second))
			})
		})
	}
}

// A request with large headers gets an answer that says so.
func TestLargeHeaders(t *testing.T) {
	for size, status := range map[int]int{12 << 10: http.StatusOK, 32 << 10: http.StatusRequestHeaderFieldsTooLarge} {
		synctest.Test(t, func(t *testing.T) {
			client, end := connected(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			defer end()
			go func() {
				_, _ = fmt.Fprintf(client, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Large: %s\r\n\r\n", strings.Repeat("x", size))
			}()
			answer, err := http.ReadResponse(bufio.NewReader(client), nil)
			require.NoError(t, err)
			defer answer.Body.Close()
			require.Equal(t, status, answer.StatusCode)
		})
	}
}
