package web_test

import (
	"context"
	"database/sql"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

var listedJobs = regexp.MustCompile(`jobs">(\d+)<|"jobs":(\d+)`)

// An answer contains everything that was committed before its request, however many clients ask
// while others commit, through the same handle of the store or another one.
func TestAnswersAreFresh(t *testing.T) {
	for name, address := range map[string]func(*testing.T) string{
		"SQLite":     func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "quire.db") },
		"PostgreSQL": func(t *testing.T) string { return pgtest.Shared(t).NewDatabase(t) },
	} {
		t.Run(name, func(t *testing.T) {
			var both []store.Store
			for at := address(t); len(both) < 2; {
				s, err := stores.Open(t.Context(), at, stores.Options{Projections: set})
				require.NoError(t, err)
				defer s.Close()
				both = append(both, s)
			}
			answersAreFresh(t, both[0], both...)
		})
	}
	t.Run("memory", func(t *testing.T) {
		db := memory.Of(set)
		answersAreFresh(t, db, db)
	})
}

func answersAreFresh(t *testing.T, shown store.Store, writers ...store.Store) {
	server := web.New(web.Options{Store: shown})
	defer server.Close()
	var committed atomic.Int64
	commit := func(jobs int64) error {
		row := projections.RunRow{Run: projections.Run{RunID: "run", State: projections.Active, Jobs: int(jobs)}}
		rows := &store.Rows{RunID: "run", Tables: []store.TableRows{store.RowsOf(projections.RunTable, projections.Row[projections.RunRow]{Value: row})}}
		return writers[jobs%int64(len(writers))].Update(t.Context(), func(tx store.Tx) error {
			runs := []domain.RunID{"run"}
			if _, err := tx.Lock(runs); err != nil {
				return err
			}
			if err := tx.Clear(runs, []*projections.Definition{projections.RunTable.Definition}); err != nil {
				return err
			}
			return tx.Insert(rows)
		})
	}
	require.NoError(t, commit(0))
	const commits = 100
	var group sync.WaitGroup
	for i := range 8 {
		path := []string{"/", "/api/runs", "/?q=run"}[i%3]
		group.Go(func() {
			for before := int64(0); before < commits; {
				before = committed.Load()
				answer := get(t, server, path)
				found := listedJobs.FindStringSubmatch(answer.Body.String())
				if !assert.NotNil(t, found, answer.Body) {
					return
				}
				jobs, err := strconv.ParseInt(found[1]+found[2], 10, 64)
				if !assert.NoError(t, err) || !assert.GreaterOrEqual(t, jobs, before, "what was committed before the request") {
					return
				}
			}
		})
	}
	for jobs := int64(1); jobs <= commits; jobs++ {
		require.NoError(t, commit(jobs))
		committed.Store(jobs)
	}
	group.Wait()
}

// held is a store without a revision that delays reading pages of runs until the test sends on
// letGo, unless letGo is nil.
type held struct {
	store.Store
	letGo chan struct{}
	reads atomic.Int64
}

func (h *held) Revision(ctx context.Context) (string, error) {
	if h.letGo != nil {
		return "", nil
	}
	return h.Store.Revision(ctx)
}

func (h *held) Runs(ctx context.Context, page store.Page) ([]store.Listed, error) {
	h.reads.Add(1)
	if h.letGo != nil {
		<-h.letGo
	}
	return h.Store.Runs(ctx, page)
}

// Clients that ask for the same page while the store is being read share one later reading, which
// begins when the current one has ended, even if the client that asked first has left.
func TestAnswersAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &held{Store: memory.Of(set), letGo: make(chan struct{})}
		server := web.New(web.Options{Store: db})
		defer server.Close()
		answered := make(chan int, 20)
		ask := func(ctx context.Context) {
			answer := httptest.NewRecorder()
			server.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, "GET", "/", nil))
			answered <- answer.Code
		}
		go ask(t.Context())
		synctest.Wait()
		ctx, leave := context.WithCancel(t.Context())
		for range 19 {
			go ask(ctx)
			synctest.Wait()
			ctx = t.Context()
		}
		leave()
		require.EqualValues(t, 1, db.reads.Load())
		db.letGo <- struct{}{}
		synctest.Wait()
		require.EqualValues(t, 2, db.reads.Load())
		db.letGo <- struct{}{}
		for range 20 {
			require.Equal(t, http.StatusOK, <-answered)
		}
	})
}

// If the store does not change, it is read at most every five seconds (pages show ages).
func TestAnswersAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &held{Store: memory.Of(set)}
		server := web.New(web.Options{Store: db})
		defer server.Close()
		apply(t, db, []byte(started))
		for reads := range 3 {
			for range 5 {
				require.Contains(t, get(t, server, "/").Body.String(), `href="/runs/run"`)
			}
			require.EqualValues(t, reads+1, db.reads.Load())
			time.Sleep(5 * time.Second)
		}
		require.NotContains(t, get(t, server, "/?state=failed").Body.String(), `href="/runs/run"`, "another address")
		compressed := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		compressed.Header.Set("Accept-Encoding", "gzip")
		answer := httptest.NewRecorder()
		server.ServeHTTP(answer, compressed)
		require.Equal(t, strconv.Itoa(answer.Body.Len()), answer.Header().Get("Content-Length"))
	})
}

// Errors are not cached.
func TestProblemsAreNotKept(t *testing.T) {
	db := &away{Store: memory.Of(set)}
	server := web.New(web.Options{Store: db})
	defer server.Close()
	db.is.Store(true)
	require.Equal(t, http.StatusServiceUnavailable, get(t, server, "/").Code)
	db.is.Store(false)
	require.Equal(t, http.StatusOK, get(t, server, "/").Code)
}

// away is a store that can be made unavailable.
type away struct {
	store.Store
	is atomic.Bool
}

func (a *away) Runs(ctx context.Context, page store.Page) ([]store.Listed, error) {
	if a.is.Load() {
		return nil, errAway
	}
	return a.Store.Runs(ctx, page)
}

// Until the store is rebuilt, a server of the new version shows runs, is not ready, and refuses
// lines. Afterwards, a server of the old version ends at the first write, and so does one whose
// tables a newer program has migrated.
func TestVersions(t *testing.T) {
	db, lines := filepath.Join(t.TempDir(), "quire.db"), `{"at_ms":1,"type":"job_started","job_id":"a"}`+"\n"
	open := func(version int) store.Store {
		set, err := projections.NewSet(projections.Define(projections.Declaration[projections.Label]{
			Name: "added", Version: version, Key: []string{"key"}, New: func() projections.Projection[projections.Label] { return noLabels{} },
		}))
		require.NoError(t, err)
		s, err := sqlite.Open(t.Context(), db, sqlite.Projections(set))
		require.NoError(t, err)
		t.Cleanup(func() { s.Close() })
		return s
	}
	start := func(version int) (url string, ended chan error) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		site := web.Site{Listener: listener, Options: web.Options{Store: open(version), Ingest: &jsonl.Options{}, Registry: prometheus.NewRegistry()}}
		ctx, stop := context.WithCancel(t.Context())
		t.Cleanup(stop)
		ended = make(chan error, 1)
		go func() { ended <- site.Run(ctx) }()
		return site.URL(), ended
	}
	put := func(url, run string) (int, string) {
		status, answer, err := post(t.Context(), url, run, 0, strings.NewReader(lines), "")
		require.NoError(t, err)
		words, _ := answer["error"].(string)
		return status, words
	}
	status := func(url string) int {
		response, err := http.Get(url)
		require.NoError(t, err)
		response.Body.Close()
		return response.StatusCode
	}
	old, ended := start(1)
	got, _ := put(old, "a")
	assert.Equal(t, http.StatusNoContent, got)
	next, nextEnded := start(2)
	assert.Equal(t, http.StatusOK, status(next+"/runs/a"))
	assert.Equal(t, http.StatusOK, status(next+"/livez"))
	assert.Equal(t, http.StatusServiceUnavailable, status(next+"/readyz"))
	got, words := put(next, "b")
	assert.Equal(t, http.StatusServiceUnavailable, got)
	assert.Contains(t, words, "derive them again with rebuild")
	got, _ = put(old, "b")
	assert.Equal(t, http.StatusNoContent, got)

	runs := t.TempDir()
	for _, run := range []string{"a", "b"} {
		require.NoError(t, os.WriteFile(filepath.Join(runs, run+".jsonl"), []byte(lines), 0o600))
	}
	_, err := store.Rebuild(t.Context(), open(2), jsonl.Folder(runs), store.Options{})
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, status(next+"/readyz"))
	got, _ = put(next, "c")
	assert.Equal(t, http.StatusNoContent, got)
	got, words = put(old, "d")
	assert.Equal(t, http.StatusServiceUnavailable, got)
	assert.Contains(t, words, "use a newer program")
	ends := func(ended chan error, want error) {
		select {
		case err := <-ended:
			assert.ErrorIs(t, err, want)
		case <-time.After(patience):
			t.Fatal("the server does not end")
		}
	}
	ends(ended, store.ErrOtherVersion)

	handle, err := sql.Open("sqlite", db)
	require.NoError(t, err)
	defer handle.Close()
	_, err = handle.Exec(`INSERT INTO quire_project_schema (version_id, is_applied) VALUES (1000, 1)`)
	require.NoError(t, err)
	got, words = put(next, "e")
	assert.Equal(t, http.StatusServiceUnavailable, got)
	assert.Equal(t, store.ErrNewerSchema.Error(), words)
	ends(nextEnded, store.ErrNewerSchema)
}

// noLabels is a projection without rows.
type noLabels struct{}

func (noLabels) Reduce(_ *projections.Step, rows []projections.Row[projections.Label]) []projections.Row[projections.Label] {
	return rows
}

func (noLabels) Open(_ *projections.Tracker, rows []projections.Row[projections.Label]) []projections.Row[projections.Label] {
	return rows
}
