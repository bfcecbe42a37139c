package web_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	nethtml "golang.org/x/net/html"
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

// codes is an added projection: the latest exit code of each job.
var codes = projections.Define(projections.Declaration[codeRow]{
	Name: "codes", Version: 1, Key: []string{"job_id"}, Doc: "The latest exit code of each job.",
	New: func() projections.Projection[codeRow] { return &codesReducer{Codes: map[int]int32{}} },
})

type codeRow struct {
	JobID string `json:"job_id"`
	Code  int32  `json:"code"`
}

type codesReducer struct{ Codes map[int]int32 }

func (r *codesReducer) Reduce(step *projections.Step, rows []projections.Row[codeRow]) []projections.Row[codeRow] {
	if step.ShCloses {
		r.Codes[step.Job.Index] = step.ExitCode
	}
	return rows
}

func (r *codesReducer) Open(run *projections.Tracker, rows []projections.Row[codeRow]) []projections.Row[codeRow] {
	for job := range run.Jobs() {
		rows = append(rows, projections.Row[codeRow]{Index: job.Index, Value: codeRow{job.ID, r.Codes[job.Index]}})
	}
	return rows
}

var set = must(projections.NewSet(codes))

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// encode returns events as a stream.
func encode(events []domain.Event) (data []byte) {
	for i := range events {
		if line, err := jsonl.Append(nil, &events[i]); err == nil {
			data = append(data, line...)
		}
	}
	return data
}

func written(run domain.RunID) []store.WrittenRun {
	return []store.WrittenRun{{Run: store.Run{Run: projections.Run{RunID: run}}}}
}

// foldOf returns the rows that a fold of data gives, in the form that events have.
func foldOf(t require.TestingT, run domain.RunID, data []byte) map[string]string {
	rows := map[string]string{}
	var members []projections.Member
	for _, d := range set.Reported() {
		encoder := report.NewRowEncoder(d, run)
		members = append(members, d.Member(func(row projections.AnyRow) {
			rows[fmt.Sprint(d.Name, " ", row.Index)] = string(encoder.Append(nil, row))
		}))
	}
	fold := projections.NewFold(run, members...)
	require.NoError(t, fold.Drain(jsonl.NewReader(bytes.NewReader(data), jsonl.Options{OnMalformed: jsonl.Skip})))
	fold.Open()
	return rows
}

// viewer applies the events of a run that it receives.
type viewer struct {
	id     string
	digest string
	rows   map[string]string
}

// watch reads events to the end of body, and calls after for each.
func (v *viewer) watch(body io.Reader, after func(offset int64) error) error {
	lines := bufio.NewReader(body)
	id := ""
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "id: "); ok {
			id = rest
		}
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		// Only an empty line completes an event.
		if end, err := lines.ReadString('\n'); err != nil || end != "\n" {
			return cmpErr(err)
		}
		var event struct {
			Offset   int64
			Digest   string
			Snapshot bool
			Rows     []json.RawMessage
		}
		if err := json.Unmarshal([]byte(data), &event); err != nil {
			return err
		}
		v.digest = event.Digest
		if event.Snapshot {
			v.rows = map[string]string{}
		}
		for _, row := range event.Rows {
			var of struct {
				Projection string
				Index      int
			}
			if err := json.Unmarshal(row, &of); err != nil {
				return err
			}
			v.rows[fmt.Sprint(of.Projection, " ", of.Index)] = string(row)
		}
		if v.id = id; id != strconv.FormatInt(event.Offset, 10) {
			return fmt.Errorf("the event at %d has the id %s", event.Offset, id)
		}
		if err := after(event.Offset); err != nil {
			return err
		}
	}
}

func cmpErr(err error) error {
	if err == nil {
		return errors.New("no empty line follows an event")
	}
	return err
}

var errSeen = errors.New("all has been seen")

// cutReader fails after some bytes, as a lost connection does.
type cutReader struct {
	io.Reader
	left int
}

func (c *cutReader) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := c.Reader.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// The events up to an offset, applied in order, give the rows of the fold of that many bytes, for
// built-in and added projections; also if the connection is cut anywhere, while the stream grows,
// and for a viewer that joins late.
func TestEvents(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		data := encode(laws.Events().Draw(t, "events"))
		if len(data) == 0 {
			t.Skip("no bytes")
		}
		run := domain.RunID(rapid.SampledFrom([]string{"run", "a b/c", "..", "", "~x", "\xff\u202e"}).Draw(t, "run"))
		if store.CheckRunID(run) != nil {
			run = "run"
		}
		db := memory.Of(set)
		server := web.New(web.Options{Store: db})
		defer server.Close()
		page := httptest.NewServer(server)
		defer page.Close()
		// This process, another one, or both write the stream. It can end with a part of a line for
		// some time.
		tells := store.ProjectorOptions{Done: func(b store.Batch) { server.Written(b.Written) }}
		ours := store.NewProjector(db, jsonl.NewSegments(jsonl.Options{OnMalformed: jsonl.Skip}), tells)
		defer ours.Close(context.Background())
		others := newProjector(db)
		defer others.Close(context.Background())
		at, lines := 0, 0
		grow := func() {
			end := lines + 1 + bytes.IndexByte(data[lines:], '\n')
			for end < len(data) && rapid.Bool().Draw(t, "another line") {
				end += 1 + bytes.IndexByte(data[end:], '\n')
			}
			begin, tail := lines, false
			if feed := bytes.IndexByte(data[lines:], '\n'); at == lines && feed > 0 && rapid.IntRange(0, 4).Draw(t, "a part of a line") == 0 {
				end, tail = lines+rapid.IntRange(1, feed).Draw(t, "bytes of it"), true
			} else {
				lines = end
			}
			segment := domain.Segment{Run: run, Offset: int64(begin), Data: data[begin:end], Tail: tail, SHA256: sha256.Sum256(data[:end])}
			at = end
			if rapid.IntRange(0, 3).Draw(t, "others") > 0 {
				require.NoError(t, ours.Apply(t.Context(), segment))
				return
			}
			require.NoError(t, others.Apply(t.Context(), segment))
			server.Written(written(run))
		}
		grow()
		viewers := []*viewer{{}, {}}
		connections := 0
		for seen := 0; seen < len(viewers); connections++ {
			v := viewers[seen]
			request, _ := http.NewRequestWithContext(t.Context(), "GET", page.URL+web.RunPath(run)+"/events", nil)
			switch {
			case v.id == "":
			case rapid.Bool().Draw(t, "as the page does"):
				request.URL.RawQuery = "from=" + v.id + "&digest=" + v.digest
			default:
				request.Header.Set("Last-Event-ID", v.id)
			}
			answer, err := page.Client().Do(request)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, answer.StatusCode)
			body := &cutReader{answer.Body, 1 << 30}
			if connections < 8 {
				body.left = rapid.IntRange(0, 3000).Draw(t, "bytes")
			}
			err = v.watch(body, func(offset int64) error {
				want, got := foldOf(t, run, data[:offset]), maps.Clone(v.rows)
				if offset > 0 && data[offset-1] != '\n' { // the rest of the last line may still change the rows
					neverFinal(want)
					neverFinal(got)
				}
				require.Equal(t, want, got, "at %d", offset)
				if offset == int64(len(data)) {
					return errSeen
				}
				if int(offset) == at {
					grow()
				}
				return nil
			})
			require.NoError(t, answer.Body.Close())
			switch {
			case errors.Is(err, errSeen):
				seen++
			default:
				require.ErrorIs(t, err, io.ErrUnexpectedEOF)
				if at < len(data) {
					grow()
				}
			}
		}
	})
}

// ingest derives the rows of a stream from its start, as those of the run "run".
func ingest(t testing.TB, s store.Store, data []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run.jsonl")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	_, err := store.Ingest(t.Context(), s, jsonl.Locate(path).Source(jsonl.Options{}), store.Options{})
	require.NoError(t, err)
}

// apply appends to the stream of the run "run" whatever the store does not have.
func apply(t require.TestingT, s store.Store, data []byte) { applyTo(t, s, "run", data) }

func applyTo(t require.TestingT, s store.Store, run domain.RunID, data []byte) {
	projector := store.NewProjector(s, jsonl.NewSegments(jsonl.Options{OnMalformed: jsonl.Skip}), store.ProjectorOptions{})
	require.NoError(t, projector.Apply(context.Background(), domain.Segment{Run: run, Data: data, SHA256: sha256.Sum256(data)}))
	require.NoError(t, projector.Close(context.Background()))
}

// countingStore counts how often rows are read, and how many reads run at once.
type countingStore struct {
	store.Store
	views, open atomic.Int64
}

func (c *countingStore) View(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
	c.views.Add(1)
	c.open.Add(1)
	defer c.open.Add(-1)
	return c.Store.View(ctx, run, do)
}

// If a stream is rewritten while somebody views it, the viewer gets the new rows.
func TestEventsOfRewrittenStream(t *testing.T) {
	db := memory.Of(set)
	server := web.New(web.Options{Store: db})
	defer server.Close()
	page := httptest.NewServer(server)
	defer page.Close()
	streams := [][]byte{
		encode([]domain.Event{domain.NewJobStarted(1, "a"), domain.NewJobStarted(2, "b"), domain.NewShStarted(3, "a", "x")}),
		encode([]domain.Event{domain.NewJobStarted(1, "c")}),
		encode([]domain.Event{domain.NewJobStarted(1, "d"), domain.NewJobStarted(2, "e")}),
		encode([]domain.Event{domain.NewJobStarted(1, "f"), domain.NewJobStarted(2, "g")}), // of the same length
	}
	put := func(data []byte) {
		ingest(t, db, data)
		server.Written(written("run"))
	}
	put(streams[0])
	answer, err := page.Client().Get(page.URL + "/runs/run/events")
	require.NoError(t, err)
	defer answer.Body.Close()
	v, n := &viewer{}, 0
	err = v.watch(answer.Body, func(offset int64) error {
		require.EqualValues(t, len(streams[n]), offset)
		require.Equal(t, foldOf(t, "run", streams[n]), v.rows)
		if n++; n == len(streams) {
			return errSeen
		}
		put(streams[n])
		return nil
	})
	require.ErrorIs(t, err, errSeen)
}

// If a stream is rewritten while nobody views it, a viewer that reconnects gets the new rows, even
// if the stream has the same length as before, or became longer afterwards.
func TestEventsOfRewrittenStreamLater(t *testing.T) {
	streams := [][]byte{encode([]domain.Event{domain.NewJobStarted(1, "a")}), encode([]domain.Event{domain.NewJobStarted(1, "b")}), encode([]domain.Event{domain.NewJobStarted(1, "b"), domain.NewJobStarted(2, "c")})}
	db := memory.Of(set)
	server := web.New(web.Options{Store: db})
	defer server.Close()
	page := httptest.NewServer(server)
	defer page.Close()
	v := &viewer{}
	ask := func(query string) {
		answer, err := page.Client().Get(page.URL + "/runs/run/events" + query)
		require.NoError(t, err)
		defer answer.Body.Close()
		require.ErrorIs(t, v.watch(answer.Body, func(int64) error { return errSeen }), errSeen)
	}
	ingest(t, db, streams[0])
	ask("")
	for _, stream := range streams[1:] {
		ingest(t, db, stream)
		server.Written(written("run"))
		ask("?from=" + v.id + "&digest=" + v.digest)
		require.Equal(t, foldOf(t, "run", stream), v.rows)
	}
}

// A hundred viewers of one run cause one read of its rows for each change.
func TestViewersShareReading(t *testing.T) {
	db := &countingStore{Store: memory.Of(set)}
	server := web.New(web.Options{Store: db})
	defer server.Close()
	page := httptest.NewServer(server)
	defer page.Close()
	data := encode([]domain.Event{domain.NewJobStarted(1, "a")})
	ingest(t, db.Store, data)
	done := make(chan error)
	for range 100 {
		go func() {
			answer, err := page.Client().Get(page.URL + "/runs/run/events")
			if err != nil {
				done <- err
				return
			}
			defer answer.Body.Close()
			done <- (&viewer{}).watch(answer.Body, func(int64) error { return errSeen })
		}()
	}
	for range 100 {
		select {
		case err := <-done:
			require.ErrorIs(t, err, errSeen)
		case <-time.After(patience):
			t.Fatal("viewers wait")
		}
	}
	require.Less(t, db.views.Load(), int64(150), "a viewer asks whether there is such a run, and the hub reads its rows")
}

// What this process writes is neither read nor folded again for viewers: they get it from the
// projector.
func TestViewersShareFold(t *testing.T) {
	db := &countingStore{Store: memory.Of(set)}
	server := web.New(web.Options{Store: db, Ingest: &jsonl.Options{}})
	defer server.Close()
	page := httptest.NewServer(server)
	defer page.Close()
	require.Equal(t, http.StatusNoContent, sent(server, "run", 0, strings.NewReader(started), nil).Code)
	answer, err := page.Client().Get(page.URL + "/runs/run/events")
	require.NoError(t, err)
	defer answer.Body.Close()
	v, n, reads := &viewer{}, 1, int64(0)
	err = v.watch(answer.Body, func(offset int64) error {
		require.EqualValues(t, n*len(started), offset)
		switch n {
		case 1:
			reads = db.views.Load()
		case 100:
			require.Equal(t, reads, db.views.Load())
			require.Equal(t, foldOf(t, "run", []byte(strings.Repeat(started, n))), v.rows)
			return errSeen
		}
		require.Equal(t, http.StatusNoContent, sent(server, "run", n*len(started), strings.NewReader(started), nil).Code)
		n++
		return nil
	})
	require.ErrorIs(t, err, errSeen)
}

// A HEAD request for events gets the headers, and leaves no connection open.
func TestEventsHead(t *testing.T) {
	db := memory.Of(set)
	ingest(t, db, encode([]domain.Event{domain.NewJobStarted(1, "a")}))
	server := web.New(web.Options{Store: db})
	defer server.Close()
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "HEAD", "/runs/run/events", nil))
	require.Equal(t, "text/event-stream", answer.Header().Get("Content-Type"))
}

// Viewers get the changed parts of a page as HTML. An older page with these parts has the same rows as a
// page that is loaded now.
func TestParts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		data := encode(laws.Events().Draw(t, "events"))
		if len(data) == 0 {
			t.Skip("no bytes")
		}
		db := memory.Of(set)
		server := web.New(web.Options{Store: db})
		defer server.Close()
		site := httptest.NewServer(server)
		defer site.Close()
		projector := store.NewProjector(db, jsonl.NewSegments(jsonl.Options{OnMalformed: jsonl.Skip}), store.ProjectorOptions{Done: func(b store.Batch) { server.Written(b.Written) }})
		defer projector.Close(context.Background())
		at := 0
		grow := func() {
			begin := at
			for at < len(data) && (at == begin || rapid.Bool().Draw(t, "another line")) {
				at += 1 + bytes.IndexByte(data[at:], '\n')
			}
			require.NoError(t, projector.Apply(t.Context(), domain.Segment{Run: "run", Offset: int64(begin), Data: data[begin:at], SHA256: sha256.Sum256(data[:at])}))
		}
		grow()
		rows := partsOf(t, get(t, server, "/runs/run").Body.String())
		answer, err := site.Client().Get(site.URL + "/runs/run/events?html=1")
		require.NoError(t, err)
		defer answer.Body.Close()
		for lines, known := bufio.NewReader(answer.Body), false; ; {
			line, err := lines.ReadString('\n')
			require.NoError(t, err)
			text, ok := strings.CutPrefix(line, "data: ")
			if !ok {
				continue
			}
			var event struct {
				Offset int
				HTML   string
			}
			require.NoError(t, json.Unmarshal([]byte(text), &event))
			require.Equal(t, known, event.HTML != "", "who comes loads the page, who is there does not")
			maps.Copy(rows, partsOf(t, event.HTML))
			known = true
			if event.Offset == at {
				want := partsOf(t, get(t, server, "/runs/run").Body.String())
				require.Equal(t, want, rows)
				if at == len(data) {
					return
				}
				grow()
			}
		}
	})
}

// partsOf returns the rows, the sections and the summary of a page as text, by their ids.
func partsOf(t require.TestingT, text string) map[string]string {
	page, err := nethtml.Parse(strings.NewReader(text))
	require.NoError(t, err)
	parts := map[string]string{}
	for n := range page.Descendants() {
		e := element{n}
		switch n.Data {
		case "header", "section", "li":
			parts[e.attribute("id")] = strings.Join(strings.Fields(e.text()), " ")
		case "summary":
			parts[element{n.Parent}.attribute("id")] = find(n, "span", "name")[0].text() + find(n, "span", "took")[0].text()
		}
	}
	delete(parts, "")
	return parts
}
