package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
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
