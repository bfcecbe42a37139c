package web_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	nethtml "golang.org/x/net/html"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// withLog returns a folder with the log of a run "run" of one command, and a store with that run.
func withLog(t *testing.T, log string) (folder string, db store.Store) {
	t.Helper()
	folder, db = t.TempDir(), memory.Of(set)
	stream := filepath.Join(folder, "run.jsonl")
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "jobs", "a"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "jobs", "a", "sh-1.log"), []byte(log), 0o600))
	require.NoError(t, os.WriteFile(stream, encode([]domain.Event{domain.NewJobStarted(1, "a"), domain.NewShStarted(2, "a", "x")}), 0o600))
	_, err := store.Ingest(t.Context(), db, jsonl.Locate(stream).Source(jsonl.Options{}), store.Options{})
	require.NoError(t, err)
	return folder, db
}

// getLog requests the log of the run "run".
func getLog(t *testing.T, db store.Store, logs web.Logs, query string) (status int, body string) {
	t.Helper()
	server := web.New(web.Options{Store: db, Logs: logs})
	defer server.Close()
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/runs/run/log/a/1"+query, nil))
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.Code, string(text)
}

// The page of a log that is too long has the beginning and the end of the log, and says so.
func TestLongLog(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long, on one goroutine")
	}
	const line = "2026-11-23T14:41:54Z stdout F "
	for name, log := range map[string]string{
		"many bytes": strings.Repeat(line+strings.Repeat("x", 1000)+"\n", 40<<10),
		"many lines": strings.Repeat(line+strings.Repeat("a\r", 10_000)+"\n", 200),
	} {
		folder, db := withLog(t, line+"the first\n"+log+line+"the last\n")
		status, page := getLog(t, db, web.LogsIn(folder, ""), "")
		require.Equal(t, http.StatusOK, status, name)
		require.Less(t, len(page), 70<<20, name)
		for _, text := range []string{"the first", "the last", "too long for a page", "</html>"} {
			require.True(t, strings.Contains(page, text), "%s: %s", name, text)
		}
		_, raw := getLog(t, db, web.LogsIn(folder, ""), "?raw")
		require.Equal(t, len(log)-strings.Count(log, line)*len(line)+len("the first\nthe last\n"), len(raw), name)
	}
}

// The memory and time for the page of a log are proportional to its length, however short its lines
// are.
func TestShortLines(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long, on one goroutine")
	}
	folder, db := withLog(t, strings.Repeat("a\r", 100_000))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	status, page := getLog(t, db, web.LogsIn(folder, ""), "")
	runtime.ReadMemStats(&after)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, 100_000, strings.Count(page, "<a id="))
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(200<<20))
}

// Without a folder there are no logs, whatever path of the stream a store records.
func TestLogsOfStoreAlone(t *testing.T) {
	folder, db := withLog(t, "secret")
	t.Chdir(folder)
	status, page := getLog(t, db, web.LogsIn("", ""), "")
	require.Equal(t, http.StatusNotFound, status)
	require.NotContains(t, page, "secret")
	status, _ = getLog(t, db, web.LogsIn("", folder), "")
	require.Equal(t, http.StatusOK, status)
}

// A folder with the logs of one run is not used for another run.
func TestLogsOfSeveralRuns(t *testing.T) {
	folder, db := withLog(t, "the only one\n")
	logs := web.LogsIn("", folder)
	status, page := getLog(t, db, logs, "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, page, "the only one")
	applyTo(t, db, "other", encode([]domain.Event{domain.NewJobStarted(1, "a")}))
	status, _ = getLog(t, db, logs, "")
	require.Equal(t, http.StatusNotFound, status)
	writeLog(t, folder, "run", "a", 1, "its own")
	_, page = getLog(t, db, logs, "")
	require.Contains(t, page, "its own")
}

// shownLines appends the lines of a page, or of a part of it, to lines, and returns the address of
// the next part.
func shownLines(t require.TestingT, lines []string, after int, text string) (all []string, next string, behind int) {
	page, err := nethtml.Parse(strings.NewReader(text))
	require.NoError(t, err)
	lines = append([]string{}, lines[:after]...)
	for _, block := range find(page, "pre", "block") {
		for n := range block.ChildNodes() {
			if n.Data == "a" && n.Type == nethtml.ElementNode {
				lines = append(lines, "")
				require.Equal(t, fmt.Sprint("L", len(lines)), element{n}.attribute("id"))
				continue
			}
			var one strings.Builder
			require.NoError(t, nethtml.Render(&one, n))
			lines[len(lines)-1] += one.String()
		}
	}
	for _, p := range find(page, "p", "") {
		if from := p.attribute("data-from"); from != "" {
			behind, err = strconv.Atoi(p.attribute("data-after"))
			require.NoError(t, err)
			return lines, "?after=" + p.attribute("data-after") + "&from=" + from, behind
		}
	}
	require.Fail(t, "the answer does not say where to go on")
	return nil, "", 0
}

// A client that follows a log, and continues each time at the address in the last answer, gets the
// lines of the whole page.
func TestFollowedLog(t *testing.T) {
	folder, db := withLog(t, "")
	path := filepath.Join(folder, "jobs", "a", "sh-1.log")
	logs := web.LogsIn(folder, "")
	rapid.Check(t, func(rt *rapid.T) {
		var log strings.Builder
		for range rapid.IntRange(0, 12).Draw(rt, "lines") {
			switch rapid.IntRange(0, 9).Draw(rt, "kind") {
			case 0:
				log.WriteString("no line of the format\n")
			case 1:
				log.WriteString(strings.Repeat("2026-11-23T14:41:54Z stdout F many\n", 250))
			default:
				text := rapid.SampledFrom([]string{"plain", "", "\x1b[31mred\x1b[0m", "\x1b[1mbold on", "\x1b[", "a\rb", "a\r", "\x1b[0m", "ä", "\xc3"}).Draw(rt, "text")
				fmt.Fprintf(&log, "2026-11-23T14:41:54Z %s %s %s\n", rapid.SampledFrom([]string{"stdout", "stderr"}).Draw(rt, "output"), rapid.SampledFrom([]string{"F", "F", "P"}).Draw(rt, "tag"), text)
			}
		}
		all := log.String()
		var lines []string
		query, after := "", 0
		for at := 0; ; {
			at += rapid.IntRange(0, len(all)-at).Draw(rt, "more")
			if query != "" && rapid.Bool().Draw(rt, "the rest") {
				at = len(all)
			}
			require.NoError(rt, os.WriteFile(path, []byte(all[:at]), 0o600))
			_, text := getLog(t, db, logs, query)
			lines, query, after = shownLines(rt, lines, after, text)
			if at == len(all) {
				break
			}
		}
		_, whole := getLog(t, db, logs, "")
		want, _, _ := shownLines(rt, nil, 0, whole)
		require.Equal(rt, want, lines)
	})
}

// Following a log does not read it from its start again.
func TestFollowedLogIsReadOn(t *testing.T) {
	const line = "2026-11-23T14:41:54Z stdout F \x1b[31mred\x1b[0m\n"
	folder, db := withLog(t, strings.Repeat(line, 1000))
	_, page := getLog(t, db, web.LogsIn(folder, ""), "")
	_, query, after := shownLines(t, nil, 0, page)
	require.Equal(t, 1000, after)
	require.Equal(t, fmt.Sprintf("?after=1000&from=%d", 1000*len(line)), query)
	_, part := getLog(t, db, web.LogsIn(folder, ""), query)
	require.NotContains(t, part, "<a")
	for _, bad := range []string{"?after=5&from=x", "?after=-1&from=-5", "?after=5&from=99999999999"} {
		status, _ := getLog(t, db, web.LogsIn(folder, ""), bad)
		require.Equal(t, http.StatusOK, status, bad)
	}
}

// A run's page links to the logs that there are, and to those that may come; the page of one that may come follows it.
func TestLogLinks(t *testing.T) {
	folder, db := t.TempDir(), memory.Of(set)
	writeLog(t, folder, "run", "a", 1, "text")
	writeLog(t, folder, "run", "a", 2)
	server := web.New(web.Options{Store: db, Logs: web.LogsIn("", folder)})
	defer server.Close()
	at := time.Now().UnixMilli() // the run goes on
	start := []domain.Event{
		domain.NewJobStarted(at+1, "a"), domain.NewShStarted(at+2, "a", "written"), domain.NewShFinished(at+3, "a", 0), domain.NewShStarted(at+4, "a", "silent"), domain.NewShFinished(at+5, "a", 0),
		domain.NewShStarted(at+6, "a", "removed"), domain.NewShFinished(at+7, "a", 0), domain.NewShStarted(at+8, "a", "never ran"), domain.NewShStarted(at+9, "a", "running"),
	}
	answers := func(wants ...int) {
		page := get(t, server, "/runs/run").Body.String()
		for i, want := range wants {
			path := fmt.Sprintf("/runs/run/log/a/%d", i+1)
			require.Equal(t, want == http.StatusOK, strings.Contains(page, `href="`+path+`"`), path)
			require.Equal(t, want, get(t, server, path).Code, path)
		}
	}
	const is, none = http.StatusOK, http.StatusNotFound
	applyTo(t, db, "run", encode(start))
	answers(is, is, none, none, is)
	require.Contains(t, get(t, server, "/runs/run/log/a/5").Body.String(), "The command still runs.")
	require.Contains(t, get(t, server, "/runs/run/log/a/5?after=0&from=0").Body.String(), `data-from="0" data-after="0"`)
	require.Empty(t, get(t, server, "/runs/run/log/a/5?raw").Body.String())
	require.Contains(t, get(t, server, "/runs/run/log/a/2").Body.String(), "The command wrote nothing.")
	applyTo(t, db, "run", encode(append(start, domain.NewRunFinished(at+10, domain.Complete))))
	answers(is, is, none, none, none)
}
