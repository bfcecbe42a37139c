package publish_test

import (
	"bufio"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/publish"
	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// unreliable is a server that fails at the next requests. most is the largest body that a proxy in front
// of it accepts.
type unreliable struct {
	most int64

	mu     sync.Mutex
	faults []string
	bodies int64 // how many bytes of lines were sent
	store  store.Store
	server *web.Server
}

func newUnreliable(most int64, faults ...string) *unreliable {
	u := &unreliable{most: most, faults: faults, store: memory.Of(projections.Builtin)}
	u.restart()
	return u
}

func (u *unreliable) restart() {
	if u.server != nil {
		u.server.Close()
	}
	u.server = web.New(web.Options{Store: u.store, Ingest: &jsonl.Options{OnMalformed: jsonl.Skip}})
}

func (u *unreliable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.bodies += max(0, r.ContentLength)
	fault := ""
	if len(u.faults) > 0 {
		fault, u.faults = u.faults[0], u.faults[1:]
	}
	if code, err := strconv.Atoi(fault); err == nil {
		w.Header().Set("Retry-After", "0")
		http.Error(w, "<html>", code)
		return
	}
	switch fault {
	case "cut":
		panic(http.ErrAbortHandler)
	case "cut body":
		r.Body = io.NopCloser(io.LimitReader(r.Body, 10))
		u.server.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case "no answer":
		u.server.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case "restart":
		u.restart()
	case "lose":
		u.store = memory.Of(projections.Builtin)
		u.restart()
	}
	if r.ContentLength > u.most {
		http.Error(w, "<html>", http.StatusRequestEntityTooLarge)
		return
	}
	u.server.ServeHTTP(w, r)
}

// rows returns the server's rows of a run.
func (u *unreliable) rows(run domain.RunID) (*projections.Record, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return store.ReadRecord(context.Background(), u.store, run)
}

func overHTTP(t require.TestingT, address string, o publish.HTTPOptions) *publish.Publication {
	h, err := publish.NewHTTP(address, o)
	require.NoError(t, err)
	options := broker.PublishOptions{FirstDelay: time.Microsecond, MostDelay: time.Microsecond, SegmentBytes: 200, Window: 1, Hopeless: publish.IsHopeless}
	p := publish.New(broker.NewPublisher(h, h, options), publish.Options{MaxMessage: 200})
	p.CountBy(h)
	return p
}

// Whatever fails between a client and a server, the server finally has the rows of the streams, whether
// they are whole, grow or come from pipes, and of many runs at once.
func TestHTTPLaw(t *testing.T) {
	folder := t.TempDir()
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		folder := filepath.Join(folder, fmt.Sprint(n))
		require.NoError(r, os.Mkdir(folder, 0o777))
		runs := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "~", "é %2f", "c d"}), 1, 4, rapid.ID).Draw(r, "runs")
		mode := rapid.SampledFrom([]string{"whole", "grows", "pipe"}).Draw(r, "mode")
		faults := []string{"", "", "502", "429", "503", "408", "cut", "cut body", "no answer", "restart"}
		if len(runs) == 1 && mode != "pipe" { // nobody knows that the server has lost a run that was sent
			faults = append(faults, "lose")
		}
		server := newUnreliable(rapid.Int64Range(80, 300).Draw(r, "most"), rapid.SliceOfN(rapid.SampledFrom(faults), 0, 9).Draw(r, "faults")...)
		page := httptest.NewServer(server)
		defer page.Close()
		p := overHTTP(r, page.URL, publish.HTTPOptions{})
		var group sync.WaitGroup
		paths := map[domain.RunID]string{}
		for _, run := range runs {
			path := filepath.Join(folder, run+".jsonl")
			paths[domain.RunID(run)] = path
			line := rapid.SampledFrom([]string{started, "\n", "no event\n", started + started})
			stream := strings.Join(rapid.SliceOfN(line, 0, 9).Draw(r, "lines"), "") + ended
			cut := rapid.IntRange(0, len(stream)-1).Draw(r, "cut")
			rest := rapid.SampledFrom([]string{"", started, "half"}).Draw(r, "rest")
			switch mode {
			case "whole":
				write(r, path, stream+rest)
			case "grows":
				write(r, path, stream[:cut])
				group.Go(func() { assert.NoError(t, p.Follow(t.Context(), path, domain.RunID(run))) })
				group.Go(func() { add(r, path, stream[cut:]) })
			case "pipe":
				write(r, path, stream+rest)
				in, out := io.Pipe()
				group.Go(func() { assert.NoError(t, p.Pipe(t.Context(), domain.RunID(run), in)) })
				group.Go(func() {
					for _, piece := range []string{stream[:cut], stream[cut:], rest} {
						_, _ = io.WriteString(out, piece)
					}
					_ = out.Close()
				})
			}
		}
		if mode == "whole" {
			require.NoError(r, p.All(t.Context(), jsonl.Walk(folder)))
		}
		group.Wait()
		require.Empty(r, p.Summary().Skipped)
		require.Equal(r, len(runs), p.Summary().Runs)
		server.holds(r, paths)
		publishesAgain(r, server, page.URL, paths)
	})
}

// holds checks that the server has the rows of all streams.
func (u *unreliable) holds(r *rapid.T, paths map[domain.RunID]string) {
	for run, path := range paths {
		file, err := jsonl.Locate(path).Open()
		require.NoError(r, err)
		want, err := projections.Project(run, jsonl.NewReader(file.Bytes(), jsonl.Options{OnMalformed: jsonl.Skip}))
		file.Close()
		require.NoError(r, err)
		got, err := u.rows(run)
		require.NoError(r, err)
		require.Equal(r, want, got)
	}
}

// publishesAgain checks that a second client sends only what the server lacks: nothing of unchanged
// streams, and only the new bytes of grown ones.
func publishesAgain(r *rapid.T, server *unreliable, address string, paths map[domain.RunID]string) {
	more, lacks := map[domain.RunID]string{}, int64(0)
	for run, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(r, err)
		lines := string(text[:strings.LastIndexByte(string(text), '\n')+1])
		more[run] = strings.Repeat(started, rapid.IntRange(0, 5).Draw(r, "more"))
		if tail := len(text) - len(lines); tail > 0 && more[run] != "" { // the tail is a line now
			lacks += int64(tail + len("\n"))
			more[run] = "\n" + more[run]
		}
		lacks += int64(len(strings.TrimPrefix(more[run], "\n")))
	}
	folder := ""
	for run, path := range paths {
		folder = filepath.Dir(path)
		add(r, path, more[run])
	}
	server.mu.Lock()
	server.most, server.bodies = 300, 0
	server.faults = rapid.SliceOfN(rapid.SampledFrom([]string{"", "502", "429", "cut", "restart"}), 0, 9).Draw(r, "new faults")
	fails := len(server.faults) > 0
	server.mu.Unlock()
	for round := range 2 {
		p := overHTTP(r, address, publish.HTTPOptions{})
		require.NoError(r, p.All(r.Context(), jsonl.Walk(folder)))
		require.Empty(r, p.Summary().Skipped)
		require.Equal(r, len(paths), p.Summary().Runs)
		require.Equal(r, lacks, p.Summary().Bytes)
		if round == 1 || !fails { // else some are sent twice
			require.Equal(r, lacks, server.bodies)
		}
		server.bodies, lacks = 0, 0
	}
	server.holds(r, paths)
}

// serving returns a server that takes no malformed lines, and its address.
func serving(t *testing.T, faults ...string) (*unreliable, string) {
	u := newUnreliable(web.MaxSegment, faults...)
	u.server.Close()
	u.server = web.New(web.Options{Store: u.store, Ingest: &jsonl.Options{}})
	page := httptest.NewServer(u)
	t.Cleanup(func() {
		page.Close()
		u.server.Close()
	})
	return u, page.URL
}

// The client reports a malformed line with its place, and sends the other runs. It also reports a line that
// is too long for a request, and a stream other than the server's; the server applies nothing of that one.
func TestHTTPRefuses(t *testing.T) {
	_, address := serving(t)
	folder := t.TempDir()
	write(t, filepath.Join(folder, "a.jsonl"), started+"{secret\n")
	write(t, filepath.Join(folder, "b.jsonl"), started+ended)
	write(t, filepath.Join(folder, "c.jsonl"), started+strings.Repeat(" ", 300)+"\n"+ended)
	p := overHTTP(t, address, publish.HTTPOptions{})
	require.NoError(t, p.All(t.Context(), jsonl.Walk(folder)))
	require.Equal(t, 1, p.Summary().Runs)
	skipped := p.Summary().Skipped
	require.Len(t, skipped, 2)
	var malformed *jsonl.MalformedError
	err := errors.Join(skipped...)
	require.ErrorAs(t, err, &malformed)
	require.Equal(t, domain.Position{Line: 2, Offset: int64(len(started))}, malformed.Position)
	require.ErrorContains(t, err, "run a, line 2, column 2: ")
	require.NotContains(t, err.Error(), "secret")
	require.ErrorAs(t, err, new(*broker.LineTooLongError))
}

// A line as long as the server reads arrives, however its stream is sent. A longer one is reported.
func TestHTTPLongLine(t *testing.T) {
	u, address := serving(t)
	u.most = 2 * web.MaxSegment
	line := func(length int) string {
		return started + `{"at_ms":2,"type":"sh_started","job_id":"a","cmd":"` + strings.Repeat("x", length-len(`{"at_ms":2,"type":"sh_started","job_id":"a","cmd":""}`)) + `"}` + "\r\n" + ended
	}
	longest, longer := line(jsonl.DefaultMaxLine), line(jsonl.DefaultMaxLine+1)
	send := func(run domain.RunID, stream string, how func(*publish.Publication, string, domain.RunID) error) error {
		h, err := publish.NewHTTP(address, publish.HTTPOptions{})
		require.NoError(t, err)
		p := publish.To(h, broker.PublishOptions{}, publish.Options{})
		path := filepath.Join(t.TempDir(), string(run)+".jsonl")
		write(t, path, stream)
		require.NoError(t, how(p, path, run))
		return errors.Join(p.Summary().Skipped...)
	}
	for run, how := range map[domain.RunID]func(*publish.Publication, string, domain.RunID) error{
		"whole": func(p *publish.Publication, path string, _ domain.RunID) error {
			return p.All(t.Context(), jsonl.Walk(path))
		},
		"grows": func(p *publish.Publication, path string, _ domain.RunID) error {
			return p.Follow(t.Context(), path, "")
		},
		"pipe": func(p *publish.Publication, path string, run domain.RunID) error {
			file, err := os.Open(path)
			require.NoError(t, err)
			defer file.Close()
			return p.Pipe(t.Context(), run, file)
		},
	} {
		require.NoError(t, send(run, longest, how), run)
		got, err := u.rows(run)
		require.NoError(t, err)
		require.True(t, got.Run.Ended)
		u.server.Close()
		u.server = web.New(web.Options{Store: u.store, Ingest: &jsonl.Options{MaxLine: jsonl.DefaultMaxLine + 1}})
		require.NoError(t, send(run+", longer", longer, how))
		u.server.Close()
		u.server = web.New(web.Options{Store: u.store, Ingest: &jsonl.Options{}})
		err = send(run+", too long", longer, how)
		require.ErrorContains(t, err, fmt.Sprintf("the line at byte %d", len(started)))
		require.Less(t, len(err.Error()), 500)
	}
}

// Even through a proxy with a small limit, no line of another stream gets into a run.
func TestHTTPMixesNothing(t *testing.T) {
	u, address := serving(t)
	path := filepath.Join(t.TempDir(), "b.jsonl")
	write(t, path, started+ended)
	send := func() *publish.RefusedError {
		p := overHTTP(t, address, publish.HTTPOptions{})
		require.NoError(t, p.All(t.Context(), jsonl.Walk(path)))
		var refused *publish.RefusedError
		errors.As(errors.Join(p.Summary().Skipped...), &refused)
		return refused
	}
	require.Nil(t, send())
	before, err := u.rows("b")
	require.NoError(t, err)
	u.most = 100 // one line or two
	for _, other := range []string{started + started + ended, ended + started + ended, ended + started + strings.Repeat(started, 9)} {
		write(t, path, other)
		refused := send()
		require.NotNil(t, refused)
		require.ErrorContains(t, refused, "another stream")
		require.ErrorContains(t, refused, "--run-id")
		after, err := u.rows("b")
		require.NoError(t, err)
		require.Equal(t, before, after)
	}
	write(t, path, started)
	refused := send()
	require.NotNil(t, refused, "it is shorter")
	write(t, path, ended)
	growing := overHTTP(t, address, publish.HTTPOptions{})
	require.NoError(t, growing.Follow(t.Context(), path, "b"))
	require.Equal(t, []int{0, 1}, []int{growing.Summary().Runs, len(growing.Summary().Skipped)})
	require.ErrorContains(t, growing.Summary().Skipped[0], "this one has fewer")
	require.ErrorContains(t, refused, fmt.Sprintf("the server has %d bytes", len(started+ended)))
	u.most = 50
	path = filepath.Join(t.TempDir(), "c.jsonl")
	write(t, path, started+ended)
	refused = send()
	require.NotNil(t, refused)
	require.ErrorContains(t, refused, fmt.Sprintf("the line at byte %d has %d bytes", len(started), len(ended)))
}

// The error for each answer of a server says what to do, and whether it is final for all runs or for one.
func TestHTTPAnswers(t *testing.T) {
	for _, test := range []struct {
		status int
		answer string
		ends   bool
		says   string
	}{
		{200, "<html>", true, "is this the address"},
		{301, "", true, "301 Moved Permanently, that it has another address"},
		{400, `{"error":"no \u001b[2J"}`, false, `400 Bad Request: "no \x1b[2J"`},
		{401, "", true, "$QUIRE_TOKEN"},
		{403, `{"error":"it has no store"}`, true, "it has no store; --token-file"},
		{404, "404 page not found", true, "404 Not Found; is this the address"},
		{405, "", true, "405"},
		{409, `{"error":"another stream"}`, false, "--run-id"},
		{409, `{"expected":0}`, false, "several servers"},
		{413, "", false, fmt.Sprintf("the line at byte 0 has %d bytes", len(ended))},
		{422, `{"error":"no","line":1,"column":2}`, false, "run a, line 1, column 2: "},
		{422, `{"error":"no"}`, false, "422 Unprocessable Entity: no"},
	} {
		asked := 0
		page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				asked++
			}
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(test.status)
			_, _ = io.WriteString(w, test.answer)
		}))
		path := filepath.Join(t.TempDir(), "a.jsonl")
		write(t, path, ended)
		for _, follow := range []bool{false, true} {
			p := overHTTP(t, page.URL, publish.HTTPOptions{Token: "a-secret"})
			var err error
			if follow {
				err = p.Follow(t.Context(), path, "a")
			} else {
				err = p.All(t.Context(), jsonl.Walk(path))
			}
			if !test.ends {
				require.NoError(t, err, test)
				require.Len(t, p.Summary().Skipped, 1, test)
				err = p.Summary().Skipped[0]
			}
			require.ErrorContains(t, err, test.says)
			require.NotContains(t, err.Error(), "secret")
			require.NotContains(t, err.Error(), "\x1b")
		}
		if test.says != "several servers" {
			require.Equal(t, 2, asked, test)
		}
		page.Close()
	}
}

// Standard input cannot be sent again to a server that has lost the beginning.
func TestHTTPPipeIsLost(t *testing.T) {
	u, address := serving(t)
	in, out := io.Pipe()
	p := overHTTP(t, address, publish.HTTPOptions{})
	done := make(chan error, 1)
	go func() { done <- p.Pipe(t.Context(), "a", in) }()
	_, _ = io.WriteString(out, started)
	await(t, func() bool { _, err := u.rows("a"); return err == nil })
	u.mu.Lock()
	u.faults = []string{"lose"}
	u.mu.Unlock()
	_, _ = io.WriteString(out, ended)
	_ = out.Close()
	require.NoError(t, <-done)
	require.ErrorAs(t, errors.Join(p.Summary().Skipped...), new(*publish.GapError))
}

// The client sends each run's token, never the server's. The target of a redirect gets no token.
func TestHTTPToken(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it is asked") }))
	defer elsewhere.Close()
	for want, options := range map[string]publish.HTTPOptions{
		"":                                 {},
		"Bearer one":                       {Token: "one"},
		"Bearer " + web.RunToken("s", "a"): {Token: "one", ServerToken: "s"},
	} {
		page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, want, r.Header.Get("Authorization"))
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}))
		path := filepath.Join(t.TempDir(), "a.jsonl")
		write(t, path, ended)
		require.Error(t, overHTTP(t, page.URL, options).All(t.Context(), jsonl.Walk(path)))
		page.Close()
	}
}

// An invalid address is not shown, because it may contain a secret.
func TestHTTPAddress(t *testing.T) {
	for _, address := range []string{"http://", "https:///x", "http://user:secret@host", "https://host?token=secret", "http://host#secret", "http://secret\x7f", "ftp://secret", "http://[secret"} {
		_, err := publish.NewHTTP(address, publish.HTTPOptions{})
		require.ErrorIs(t, err, publish.ErrHTTP, address)
		require.NotContains(t, err.Error(), "secret")
	}
	_, err := publish.NewHTTP("http://host", publish.HTTPOptions{Token: "secret\n"})
	require.ErrorIs(t, err, publish.ErrHTTP)
	require.NotContains(t, err.Error(), "secret")
	h, err := publish.NewHTTP("HTTPS://host:1/a/b/", publish.HTTPOptions{})
	require.NoError(t, err)
	require.Equal(t, "https://host:1/a/b", h.String())
}

// Nothing is sent to a server with an unknown certificate unless you name its CA.
func TestHTTPCertificate(t *testing.T) {
	u := newUnreliable(web.MaxSegment)
	page := httptest.NewTLSServer(http.StripPrefix("/ci", u))
	defer page.Close()
	page.Config.ErrorLog = log.New(io.Discard, "", 0)
	path := filepath.Join(t.TempDir(), "a.jsonl")
	write(t, path, started+ended)
	require.ErrorContains(t, overHTTP(t, page.URL+"/ci", publish.HTTPOptions{}).All(t.Context(), jsonl.Walk(path)), "--tls-ca")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	write(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: page.Certificate().Raw})))
	options := publish.HTTPOptions{}
	options.CAFile = ca
	require.NoError(t, overHTTP(t, page.URL+"/ci", options).All(t.Context(), jsonl.Walk(path)))
	_, err := u.rows("a")
	require.NoError(t, err)
}

// A server that refuses a large body without reading it, and closes the connection, gets smaller ones.
func TestHTTPSmaller(t *testing.T) {
	u, _ := serving(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go rudely(c, u, 100<<10)
		}
	}()
	path := filepath.Join(t.TempDir(), "a.jsonl")
	write(t, path, strings.Repeat(started, 100_000)+ended)
	h, err := publish.NewHTTP("http://"+listener.Addr().String(), publish.HTTPOptions{})
	require.NoError(t, err)
	p := publish.To(h, broker.PublishOptions{}, publish.Options{})
	require.NoError(t, p.All(t.Context(), jsonl.Walk(path)))
	require.Zero(t, p.Summary().Retries, "it was cut off")
	got, err := u.rows("a")
	require.NoError(t, err)
	require.EqualValues(t, 100_001, got.Run.Events)
}

// rudely answers the requests of a connection, up to one with a body that is too large.
func rudely(c net.Conn, h http.Handler, most int64) {
	defer c.Close()
	for in := bufio.NewReader(c); ; {
		request, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if request.ContentLength > most {
			_, _ = io.WriteString(c, "HTTP/1.1 413 Too much\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			return
		}
		if request.Header.Get("Expect") != "" {
			_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		}
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, request)
		_ = answer.Result().Write(c)
	}
}
