package web_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// BenchmarkList loads the list of 100,000 runs, from 20 clients at once over persistent
// connections.
func BenchmarkList(b *testing.B) {
	for name, address := range map[string]func() string{
		"SQLite":     func() string { return "sqlite:" + filepath.Join(b.TempDir(), "bench.db") },
		"PostgreSQL": func() string { return pgtest.Shared(b).NewDatabase(b) },
	} {
		b.Run(name, func(b *testing.B) {
			db, err := stores.Open(b.Context(), address(), stores.Options{})
			require.NoError(b, err)
			defer db.Close()
			storetest.Listable(b, db)
			server := web.New(web.Options{Store: db})
			defer server.Close()
			page := httptest.NewServer(server)
			defer page.Close()
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 20}}
			load := func(path func(i int) string) func(int) error {
				return func(i int) error {
					answer, err := client.Get(page.URL + path(i))
					if err != nil {
						return err
					}
					defer answer.Body.Close()
					_, err = io.Copy(io.Discard, answer.Body)
					return err
				}
			}
			newest := load(func(int) string { return "/" })
			filters := load(func(i int) string { return fmt.Sprint("/?label=repo%3Dteam%2Frepo-", i%50) })
			b.Run("newest", func(b *testing.B) { storetest.AtOnce(b, 20, 0, newest) })
			b.Run("50 filters", func(b *testing.B) { storetest.AtOnce(b, 20, 0, filters) })
			b.Run("newest, each once a second", func(b *testing.B) { storetest.AtOnce(b, 20, time.Second, newest) })
			b.Run("50 filters, each once a second", func(b *testing.B) { storetest.AtOnce(b, 20, time.Second, filters) })
			b.Run("newest, 50 commits a second", func(b *testing.B) {
				writing, stop := context.WithCancel(b.Context())
				defer stop()
				go commits(writing, db)
				storetest.AtOnce(b, 20, 0, newest)
			})
		})
	}
}

// commits writes a run fifty times a second.
func commits(ctx context.Context, db store.Store) {
	for i := int64(0); ctx.Err() == nil; i++ {
		_ = db.Update(ctx, func(tx store.Tx) error {
			return tx.SetCheckpoint("a run", store.Checkpoint{End: domain.Mark{Bytes: i}})
		})
		time.Sleep(20 * time.Millisecond)
	}
}
