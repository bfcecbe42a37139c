package web_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// post sends lines of a run, and returns the status and the body of the response.
func post(ctx context.Context, base, run string, offset int, body io.Reader, more string) (status int, answer map[string]any, err error) {
	request, err := http.NewRequestWithContext(ctx, "POST", fmt.Sprintf("%s/api%s/segments?offset=%d%s", base, web.RunPath(domain.RunID(run)), offset, more), body)
	if err != nil {
		return 0, nil, err
	}
	got, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer got.Body.Close()
	_ = json.NewDecoder(got.Body).Decode(&answer)
	return got.StatusCode, answer, nil
}

// restarting is a server that can be replaced by another server of the same store.
type restarting struct {
	options web.Options
	now     atomic.Pointer[web.Server]
}

func (r *restarting) ServeHTTP(w http.ResponseWriter, q *http.Request) { r.now.Load().ServeHTTP(w, q) }

func (r *restarting) restart() {
	if old := r.now.Swap(web.New(r.options)); old != nil {
		old.Close()
	}
}

// sender sends a stream in its own pieces: some twice, too early, or cut off.
type sender struct {
	base, run string
	data      []byte
	random    *rand.Rand
	restart   func()
}

// some returns the start of a random later line; at itself if the line at it is the last one and
// has no line feed.
func (s *sender) some(at int) int {
	for at < len(s.data) {
		feed := bytes.IndexByte(s.data[at:], '\n')
		if feed < 0 {
			return at
		}
		if at += feed + 1; s.random.IntN(3) == 0 {
			return at
		}
	}
	return at
}

func (s *sender) send(ctx context.Context) error {
	for at := s.some(0) % len(s.data); at < len(s.data); {
		end, more := s.some(at), ""
		if end == at {
			end, more = len(s.data), "&tail=1"
		}
		var body io.Reader = bytes.NewReader(s.data[at:end])
		switch s.random.IntN(8) {
		case 0: // the connection breaks in the middle
			cut, cancel := context.WithCancel(ctx)
			body = io.MultiReader(bytes.NewReader(s.data[at:at+s.random.IntN(end-at)]), readerFunc(func([]byte) (int, error) { cancel(); return 0, context.Canceled }))
			_, _, _ = post(cut, s.base, s.run, at, body, more)
			cancel()
			continue
		case 1:
			s.restart()
		}
		status, answer, err := post(ctx, s.base, s.run, at, body, more)
		switch {
		case err != nil:
			return err
		case status == http.StatusNoContent && s.random.IntN(4) == 0 && more == "": // send again from an earlier line
			at = bytes.LastIndexByte(s.data[:at+s.random.IntN(end-at)], '\n') + 1
		case status == http.StatusNoContent:
			at = end
		case status == http.StatusConflict && answer["expected"] != nil:
			expected := int(answer["expected"].(float64))
			if expected >= at {
				return fmt.Errorf("the server has %d bytes and does not take the segment at %d", expected, at)
			}
			at = expected
		case status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests:
			return fmt.Errorf("the segment from %d to %d is refused: %d %v", at, end, status, answer)
		}
	}
	return nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// However segments are cut, repeated, reordered, or sent by several clients at once, even to a
// server that restarts, the store has the rows of the stream's bytes, and nothing remains parked.
func TestSegments(t *testing.T) {
	for name, open := range map[string]func(folder string) store.Store{
		"memory": func(string) store.Store { return memory.Of(set) },
		"sqlite": func(folder string) store.Store {
			return must(sqlite.Open(t.Context(), filepath.Join(folder, "quire.db"), sqlite.Projections(set)))
		},
	} {
		db := open(t.TempDir())
		runs := 0
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				data := encode(laws.Events().Draw(t, "events"))
				if data = data[:rapid.IntRange(0, len(data)).Draw(t, "bytes")]; len(data) == 0 {
					t.Skip("no bytes")
				}
				runs++
				run := fmt.Sprintf("%d %s", runs, rapid.SampledFrom([]string{"run", "a b/c", "..", "~x", "\u202e"}).Draw(t, "run"))
				server := &restarting{options: web.Options{Store: db, Ingest: &jsonl.Options{}}}
				server.restart()
				page := httptest.NewServer(server)
				var group sync.WaitGroup
				for i := range rapid.IntRange(1, 4).Draw(t, "clients") {
					random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, fmt.Sprint("seed ", i)), 0))
					s := sender{base: page.URL, run: run, data: data, random: random, restart: server.restart}
					group.Go(func() { assert.NoError(t, s.send(context.Background())) })
				}
				group.Wait()
				page.Close()
				server.now.Load().Close()
				want, got := foldOf(t, domain.RunID(run), data), storedRows(t, db, domain.RunID(run))
				if data[len(data)-1] != '\n' { // the rest of the last line may still change the rows
					neverFinal(want)
					neverFinal(got)
				}
				require.Equal(t, want, got)
				waiting, err := db.Waiting(context.Background())
				require.NoError(t, err)
				require.Empty(t, waiting, "a segment is parked, or the run is quarantined")
			})
		})
	}
}

func neverFinal(rows map[string]string) {
	for name, row := range rows {
		rows[name] = strings.TrimSuffix(strings.TrimSuffix(row, "true}"), "false}")
	}
}

// storedRows returns the rows of a run in a store, in the form that events have.
func storedRows(t require.TestingT, s store.Store, run domain.RunID) map[string]string {
	rows := map[string]string{}
	require.NoError(t, s.View(context.Background(), run, func(snapshot store.Snapshot) error {
		return store.EachRow(snapshot, run, set.Reported(), func(of *projections.Definition, row projections.AnyRow) {
			rows[fmt.Sprint(of.Name, " ", row.Index)] = string(report.NewRowEncoder(of, run).Append(nil, row))
		})
	}))
	return rows
}

const started = `{"at_ms":1,"type":"job_started","job_id":"a"}` + "\n"

// An invalid request is answered with its problem, and changes nothing.
func TestRefusedSegments(t *testing.T) {
	db := memory.Of(set)
	server := web.New(web.Options{Store: db, Ingest: &jsonl.Options{}})
	defer server.Close()
	page := httptest.NewServer(server)
	defer page.Close()
	send := func(run string, offset int, body, more string) (int, map[string]any) {
		status, answer, err := post(t.Context(), page.URL, run, offset, strings.NewReader(body), more)
		require.NoError(t, err)
		return status, answer
	}
	refused := func(want int, run string, offset int, body, more string) map[string]any {
		t.Helper()
		status, answer := send(run, offset, body, more)
		require.Equal(t, want, status, answer)
		return answer
	}
	refused(204, "r", 0, started, "")
	refused(204, "r", 0, started, "")
	before := storedRows(t, db, "r")
	require.EqualValues(t, len(started), refused(409, "r", 1000, started, "")["expected"])
	require.EqualValues(t, 0, refused(409, "none", 1, started, "")["expected"])
	answer := refused(422, "r", len(started), started+started+`{"at_ms":1.5,"type":"secret"}`+"\n", "")
	require.EqualValues(t, 4, answer["line"])
	require.EqualValues(t, 10, answer["column"])
	require.NotContains(t, fmt.Sprint(answer), "secret")
	refused(400, "r", -1, started, "")
	refused(400, "r", len(started), "no line feed", "")
	refused(400, "r", len(started), "", "")
	refused(400, "r", len(started), started, "&sha256=ab")
	refused(400, strings.Repeat("x", 600), 0, started, "")
	answer = refused(409, "r", 0, started, "&sha256="+strings.Repeat("ab", 32))
	require.Contains(t, answer["error"], "another stream")
	require.Nil(t, answer["expected"])
	refused(413, "r", len(started), strings.Repeat(" ", web.MaxSegment)+"\n", "")
	status, _, err := post(t.Context(), page.URL, "r", len(started), io.MultiReader(strings.NewReader(strings.Repeat(" ", web.MaxSegment)), strings.NewReader("\n")), "")
	require.NoError(t, err)
	require.Equal(t, 413, status, "a body of unknown length")
	require.Equal(t, before, storedRows(t, db, "r"))
	waiting, err := db.Waiting(t.Context())
	require.NoError(t, err)
	require.Empty(t, waiting)
	refused(204, "r", len(started), started, "") // the run continues
}

// A server reports how much of a stream it has, including a last line without a line feed.
func TestPosition(t *testing.T) {
	server := web.New(web.Options{Store: memory.Of(set), Ingest: &jsonl.Options{}})
	defer server.Close()
	have := ""
	for _, piece := range []string{"", started, started + started, "half"} {
		more := func(r *http.Request) {
			if piece == "half" {
				r.URL.RawQuery += "&tail=1"
			}
		}
		require.Equal(t, http.StatusNoContent, sent(server, "a b", len(have), strings.NewReader(piece), more).Code)
		have += piece
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "HEAD", "/api"+web.RunPath("a b")+"/segments", nil))
		require.Equal(t, http.StatusNoContent, answer.Code)
		offset, sum, ok := web.ReadPosition(answer.Header())
		require.True(t, ok)
		require.EqualValues(t, len(have), offset)
		require.Equal(t, sha256.Sum256([]byte(have)), sum)
	}
	_, _, ok := web.ReadPosition(http.Header{"Upload-Offset": {"1"}, "Repr-Digest": {"sha-256=:AAAA:"}})
	require.False(t, ok)
}

// A server without a persistent store accepts no lines, since they would be lost.
func TestNoIngestWithoutStore(t *testing.T) {
	base := listen(t, "127.0.0.1:0", web.Access{})
	status, answer, err := post(t.Context(), base, "r", 0, strings.NewReader(started), "")
	require.NoError(t, err)
	require.Equal(t, 403, status)
	require.Contains(t, answer["error"], "--to")
}

// The token of a run allows writing to the run, and nothing else.
func TestRunToken(t *testing.T) {
	const token = "a-token-of-some-length"
	base := listen(t, "0.0.0.0:0", web.Access{Token: token})
	ask := func(method, path, token string) int {
		return status(t, http.DefaultClient, method, base+path, func(r *http.Request) {
			if token != "" {
				r.Header.Set("Authorization", "Bearer "+token)
			}
		})
	}
	for _, run := range []domain.RunID{"a", "a/b", "..", "~", "é %2f"} {
		path, own := "/api"+web.RunPath(run)+"/segments?offset=0", web.RunToken(token, run)
		require.Equal(t, 401, ask("POST", path, ""), run)
		for _, wrong := range []string{"wrong", web.RunToken(token, "other"), web.RunToken("other", run)} {
			require.Equal(t, 403, ask("POST", path, wrong), run)
			require.Equal(t, 403, ask("HEAD", path, wrong), run)
		}
		written := ask("POST", path, token)
		require.Equal(t, 403, written, "it has no store")
		require.Equal(t, written, ask("POST", path, own), run)
		require.Equal(t, written, ask("HEAD", path, own), run)
		for _, other := range []string{"/", "/api/runs", "/api" + web.RunPath(run), web.RunPath(run), web.RunPath(run) + "/events", "/metrics"} {
			require.Equal(t, 401, ask("GET", other, own), other)
		}
		require.Equal(t, 401, ask("GET", path, own))
		require.Equal(t, 401, ask("PUT", path, own))
	}
}
