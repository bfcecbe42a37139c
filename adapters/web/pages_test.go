package web_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// hostile are texts that could act as markup, script, a path or a text direction somewhere.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `javascript:alert(1)`, "\u202egnp.exe", "\x1b[2J", "\x00", "a\nb", "../../etc/passwd", "{{.}}", "</pre></li></ol>", "", " ", "&lt;", "\xff",
}

func validLabel(l domain.Label) bool {
	_, err := domain.NewLabels(l)
	return err == nil
}

// hostileStream is a stream with such text in every member.
func hostileStream() []byte {
	var labels []domain.Label
	var events []domain.Event
	for i, text := range hostile {
		if one := (domain.Label{Key: text + "k", Value: text}); validLabel(one) {
			labels = append(labels, one)
		}
		at := int64(1000 + i)
		events = append(events, domain.NewJobStarted(at, text), domain.NewShStarted(at, text, text), domain.NewShFinished(at+5, text, int32(i%2)), domain.NewShStarted(at, text, text+"\n"+text),
			domain.NewJobFinished(at+9, text, []domain.Outcome{domain.Complete, domain.Failed}[i%2]))
	}
	return append(encode([]domain.Event{domain.NewRunStarted(1000, must(domain.NewLabels(labels...)))}), encode(events)...)
}

// element is an element of a page.
type element struct{ *html.Node }

func (e element) attribute(name string) string {
	for _, a := range e.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func (e element) text() string {
	var b strings.Builder
	for n := range e.Descendants() {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
	}
	return b.String()
}

// find returns the elements with a name and a class.
func find(page *html.Node, name, class string) (found []element) {
	for n := range page.Descendants() {
		e := element{n}
		if n.Type == html.ElementNode && n.Data == name && (class == "" || strings.Contains(" "+e.attribute("class")+" ", " "+class+" ")) {
			found = append(found, e)
		}
	}
	return found
}

// parsePage parses a page, and fails if it contains elements or attributes that could come from a
// stream.
func parsePage(t require.TestingT, text string) *html.Node {
	page, err := html.Parse(strings.NewReader(text))
	require.NoError(t, err)
	allowed := map[string]bool{}
	for name := range strings.FieldsSeq("html head meta title link script style noscript body nav main header section quire-timeline h1 h2 p a span bdi code pre ol li details summary svg rect line text time table thead tbody tr th td div ul h3 polygon path figure figcaption form label select option input button br") {
		allowed[name] = true
	}
	for n := range page.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		require.True(t, allowed[n.Data], "the page has the element %s", n.Data)
		for _, a := range n.Attr {
			require.False(t, strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "srcdoc", "the page has the attribute %s", a.Key)
			if a.Key == "href" || a.Key == "src" || a.Key == "action" {
				require.Regexp(t, `^([/#?]|data:,$)`, a.Val)
			}
		}
	}
	require.LessOrEqual(t, len(find(page, "script", "")), 1)
	require.True(t, strings.HasSuffix(strings.TrimSpace(text), "</html>"), "the page has no end")
	require.NotContains(t, text, "\u202e")
	require.NotContains(t, text, "\x1b")
	return page
}

func get(t require.TestingT, handler http.Handler, path string) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	request, err := http.NewRequest("GET", "http://127.0.0.1"+path, nil)
	require.NoError(t, err)
	handler.ServeHTTP(answer, request)
	return answer
}

// checkPage compares the page of a run with its rows: each job and each command is there once, with
// a bar.
func checkPage(t require.TestingT, text string, data []byte) {
	record, err := projections.Project("run", jsonl.NewReader(bytes.NewReader(data), jsonl.Options{OnMalformed: jsonl.Skip}))
	require.NoError(t, err)
	page := parsePage(t, text)
	jobs := find(page, "details", "job")
	require.Len(t, jobs, len(record.Jobs))
	commands := map[string]int{}
	for i, job := range jobs {
		row := record.Jobs[i]
		want := report.Printable(row.JobID)
		if want == "" {
			want = `""`
		}
		require.Equal(t, want, find(job.Node, "bdi", "")[0].text())
		require.Equal(t, row.State == projections.Failed, strings.Contains(job.attribute("class"), "failed"))
		for _, li := range find(job.Node, "li", "row") {
			commands[row.JobID]++
			require.Equal(t, fmt.Sprintf("j%d.%d", i+1, commands[row.JobID]), li.attribute("id"))
			require.Len(t, find(li.Node, "rect", ""), 1)
		}
	}
	want := map[string]int{}
	for _, sh := range record.ShEvents {
		want[sh.JobID]++
	}
	require.Equal(t, want, commands)
	require.Equal(t, !record.Run.Ended && strings.Contains(text, "/assets/"), find(page, "main", "")[0].attribute("data-events") != "")
	if len(record.Diagnostics) > 0 && len(record.Diagnostics) < 100 {
		require.Equal(t, len(record.Diagnostics), strings.Count(text, `<tr><td class="number">`))
	}
}

// The page of a run shows its rows, whatever the stream contains, on the server and in a file; and
// the API's document is that of --to json.
func TestPages(t *testing.T) {
	check := func(t require.TestingT, data []byte) {
		db := memory.Of(set)
		path := "/runs/run"
		apply(t, db, data)
		server := web.New(web.Options{Store: db})
		defer server.Close()
		answer := get(t, server, path)
		require.Equal(t, 200, answer.Code)
		checkPage(t, answer.Body.String(), data)

		var file bytes.Buffer
		_, err := web.NewFile(&file, set).Add("run", jsonl.NewReader(bytes.NewReader(data), jsonl.Options{OnMalformed: jsonl.Skip}), report.Options{})
		require.NoError(t, err)
		checkPage(t, file.String(), data)

		var want bytes.Buffer
		_, err = report.Write(&want, report.JSON, "run", jsonl.NewReader(bytes.NewReader(data), jsonl.Options{OnMalformed: jsonl.Skip}), report.Options{Projections: set.Reported()})
		require.NoError(t, err)
		require.Equal(t, want.String(), get(t, server, "/api/runs/run").Body.String())

		parsePage(t, get(t, server, "/").Body.String())
		var feed struct{ Entry []struct{ Title string } }
		require.NoError(t, xml.Unmarshal(get(t, server, "/feed").Body.Bytes(), &feed))
		require.NoError(t, xml.NewDecoder(get(t, server, "/badge.svg").Body).Decode(new(struct{})))
	}
	t.Run("hostile", func(t *testing.T) { check(t, hostileStream()) })
	t.Run("no events", func(t *testing.T) { check(t, []byte("{\"at_ms\":1,\"type\":\"x\"}\n")) })
	t.Run("generated", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			data := encode(laws.Events().Draw(t, "events"))
			if len(data) == 0 {
				t.Skip("no bytes")
			}
			check(t, data)
		})
	})
}

// A feed contains its own address with the filter, because readers fetch that again.
func TestFeedHasItsAddress(t *testing.T) {
	server := web.New(web.Options{Store: memory.Of(set)})
	defer server.Close()
	for _, address := range []string{"/feed", "/feed?label=ref%3Dmain&q=a"} {
		var feed struct {
			Link []struct {
				Rel  string `xml:"rel,attr"`
				Href string `xml:"href,attr"`
			} `xml:"link"`
		}
		require.NoError(t, xml.Unmarshal(get(t, server, address).Body.Bytes(), &feed))
		require.Equal(t, "self", feed.Link[1].Rel)
		require.Equal(t, "http://127.0.0.1"+address, feed.Link[1].Href)
	}
}

// Unknown addresses get an answer that says so, as a page or as text.
func TestNoSuchPage(t *testing.T) {
	server := web.New(web.Options{Store: memory.Of(set)})
	defer server.Close()
	for path, status := range map[string]int{
		"/runs/none": 404, "/runs/none/events": 404, "/api/runs/none": 404, "/runs/none/log/a/1": 404, "/runs/none/log/a/b": 404, "/none": 404, "/assets/none.js": 404,
		"/?state=none": 400, "/?label=none": 400, "/?after=x": 400, "/runs/none/events?from=x": 404,
	} {
		answer := get(t, server, path)
		require.Equal(t, status, answer.Code, path)
		require.NotEmpty(t, answer.Body.String(), path)
	}
}

// writing is a response that tells the test when it is written to.
type writing struct {
	*httptest.ResponseRecorder
	before func()
}

func (w writing) Write(p []byte) (int, error) {
	w.before()
	return w.ResponseRecorder.Write(p)
}

func (w writing) SetWriteDeadline(time.Time) error {
	w.before()
	return nil
}

// A client that reads slowly gets a long answer completely: the deadline is for each piece.
func TestSlowClient(t *testing.T) {
	folder, db := withLog(t, "x")
	server := web.New(web.Options{Store: db, Logs: web.LogsIn(folder, "")})
	defer server.Close()
	for _, path := range []string{"/", "/runs/run", "/api/runs/run", "/runs/run/log/a/1", "/runs/run/log/a/1?raw"} {
		calls := 0
		server.ServeHTTP(writing{httptest.NewRecorder(), func() { calls++ }}, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
		require.GreaterOrEqual(t, calls, 2, path)
		require.Zero(t, calls%2, "%s: a piece without time of its own", path)
	}
}

// A client that reads slowly does not hold a connection to the store.
func TestNothingIsWrittenWhileReading(t *testing.T) {
	db := &countingStore{Store: memory.Of(set)}
	ingest(t, db.Store, hostileStream())
	server := web.New(web.Options{Store: db})
	defer server.Close()
	for _, path := range []string{"/", "/runs/run", "/api/runs", "/api/runs/run", "/feed", "/badge.svg"} {
		answer := writing{httptest.NewRecorder(), func() { require.Zero(t, db.open.Load(), path) }}
		server.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", path, nil))
		require.Equal(t, http.StatusOK, answer.Code, path)
		require.NotZero(t, answer.Body.Len(), path)
	}
}

// brokenStore is a store that is unavailable.
type brokenStore struct{ store.Store }

var errAway = errors.New("dial 10.1.2.3: password=secret")

func (brokenStore) View(context.Context, domain.RunID, func(store.Snapshot) error) error {
	return errAway
}
func (brokenStore) Runs(context.Context, store.Page) ([]store.Listed, error) { return nil, errAway }

// A client that leaves before its run has been read causes no error of the store.
func TestClientLeaves(t *testing.T) {
	db := memory.Of(set)
	ingest(t, db, hostileStream())
	var log bytes.Buffer
	server := web.New(web.Options{Store: db, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	defer server.Close()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	answer := writing{httptest.NewRecorder(), leave}
	request := httptest.NewRequestWithContext(ctx, "GET", "/runs/run", nil)
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { server.ServeHTTP(answer, request) })
	require.Empty(t, log.String())
}

// While the store is unavailable, a page says so without revealing its address, and reloads itself.
func TestStoreAway(t *testing.T) {
	server := web.New(web.Options{Store: brokenStore{memory.Of(set)}})
	defer server.Close()
	for _, path := range []string{"/", "/runs/run", "/runs/run/log/a/1", "/feed", "/badge.svg", "/api/runs", "/api/runs/run", "/runs/run/events"} {
		answer := get(t, server, path)
		require.Equal(t, http.StatusServiceUnavailable, answer.Code, path)
		require.NotContains(t, answer.Body.String(), "secret", path)
		require.NotContains(t, answer.Body.String(), "10.1.2.3", path)
	}
	require.Equal(t, "5", get(t, server, "/runs/run").Header().Get("Refresh"))
}

// A page in one file has at most 10 MB: it says what it leaves out, and keeps failed commands.
func TestFileIsCut(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long, on one goroutine")
	}
	var events []domain.Event
	events = append(events, domain.NewJobStarted(0, "a"))
	const commands = 30_000
	for i := range commands {
		code := int32(0)
		if i == commands-1 {
			code = 1
		}
		events = append(events, domain.NewShStarted(int64(i), "a", fmt.Sprint("command <", i, ">", strings.Repeat(" x", 100))), domain.NewShFinished(int64(i)+1, "a", code))
	}
	events = append(events, domain.NewJobFinished(commands, "a", domain.Failed), domain.NewRunFinished(commands, domain.Failed))
	var file bytes.Buffer
	row, err := web.NewFile(&file, set).Add("run", jsonl.NewReader(bytes.NewReader(encode(events)), jsonl.Options{}), report.Options{})
	require.NoError(t, err)
	require.Equal(t, commands, row.ShEvents)
	require.LessOrEqual(t, file.Len(), 10<<20)
	require.Greater(t, file.Len(), 2<<20)
	page := parsePage(t, file.String())
	rows := find(page, "li", "row")
	require.Contains(t, file.String(), fmt.Sprintf("%d commands left out", commands-len(rows)))
	require.Contains(t, rows[len(rows)-1].text(), fmt.Sprint("command <", commands-1, ">"))
}

// A file stays within its limit whatever makes its page large: many jobs without commands, or long
// names.
func TestFileOfManyJobsAndLongNames(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long, on one goroutine")
	}
	for name, test := range map[string]struct{ jobs, length int }{"jobs": {21_000, 6}, "names": {120, 200_000}} {
		t.Run(name, func(t *testing.T) {
			events := make([]domain.Event, test.jobs)
			for i := range events {
				events[i] = domain.NewJobFinished(0, fmt.Sprintf("%0*d", test.length, i), domain.Failed)
			}
			var file bytes.Buffer
			row, err := web.NewFile(&file, set).Add("run", jsonl.NewReader(bytes.NewReader(encode(events)), jsonl.Options{}), report.Options{})
			require.NoError(t, err)
			require.Equal(t, test.jobs, row.Jobs)
			require.LessOrEqual(t, file.Len(), 10<<20)
			require.GreaterOrEqual(t, strings.Count(file.String(), `<details class="job `), 100)
		})
	}
}

// The policy of a file allows its own style and script by their digests, and nothing else.
func TestFilePolicy(t *testing.T) {
	var file bytes.Buffer
	_, err := web.NewFile(&file, set).Add("run", jsonl.NewReader(bytes.NewReader(hostileStream()), jsonl.Options{}), report.Options{})
	require.NoError(t, err)
	page := parsePage(t, file.String())
	policy := find(page, "meta", "")[1].attribute("content")
	for _, name := range []string{"style", "script"} {
		sum := sha256.Sum256([]byte(find(page, name, "")[0].text()))
		require.Contains(t, policy, name+"-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	require.True(t, strings.HasPrefix(policy, "default-src 'none'; "))
}

// A malformed stream leaves no file behind.
func TestFileOfMalformedStream(t *testing.T) {
	var file bytes.Buffer
	_, err := web.NewFile(&file, set).Add("run", jsonl.NewReader(io.MultiReader(bytes.NewReader(hostileStream()), strings.NewReader("{\n")), jsonl.Options{}), report.Options{})
	require.Error(t, err)
	require.Zero(t, file.Len())
}

// Answers are compressed for clients that accept it; events are not.
func TestCompressed(t *testing.T) {
	db := memory.Of(set)
	ingest(t, db, hostileStream())
	server := web.New(web.Options{Store: db})
	defer server.Close()
	site := httptest.NewServer(server)
	defer site.Close()
	for path, kind := range map[string]string{"/": "gzip", "/runs/run": "gzip", "/api/runs/run": "gzip", "/trends": "gzip", "/runs/run/events": ""} {
		request, err := http.NewRequestWithContext(t.Context(), "GET", site.URL+path, nil)
		require.NoError(t, err)
		request.Header.Set("Accept-Encoding", "gzip")
		answer, err := http.DefaultTransport.RoundTrip(request)
		require.NoError(t, err)
		require.Equal(t, kind, answer.Header.Get("Content-Encoding"), path)
		if kind == "gzip" {
			text, err := gzip.NewReader(answer.Body)
			require.NoError(t, err)
			whole, err := io.ReadAll(text)
			require.NoError(t, err)
			require.Equal(t, get(t, server, path).Body.String(), string(whole), path)
		}
		require.NoError(t, answer.Body.Close())
	}
}

// The title of a window has the run's title and state.
func TestWindowTitle(t *testing.T) {
	db := memory.Of(set)
	labels := must(domain.NewLabels(domain.Label{Key: "repo", Value: "shop"}, domain.Label{Key: "ref", Value: "main"}))
	apply(t, db, encode(append([]domain.Event{domain.NewRunStarted(1, labels)}, append(build(2), domain.NewRunFinished(9000, domain.Failed))...)))
	server := web.New(web.Options{Store: db})
	defer server.Close()
	require.Equal(t, "✗ shop · main: failed", find(parsePage(t, get(t, server, "/runs/run").Body.String()), "title", "")[0].text())
}
