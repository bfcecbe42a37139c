// Package cookbook tests the SQL of docs/sql.md.
package cookbook

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"database/sql"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/postgres"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/compare"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
	"github.com/quire-ci/quire-project/projections/trends"
)

var query = regexp.MustCompile("(?s)```sql ?(\\w*)\n(.*?)```")

// Every query of the cookbook runs on the databases that it is for, and finds
// something in the recorded runs; but for those that ask for the time of day,
// since the runs were some week or other.
func TestQueries(t *testing.T) {
	page, err := os.ReadFile("../../../docs/sql.md")
	require.NoError(t, err)
	queries := query.FindAllStringSubmatch(string(page), -1)
	require.GreaterOrEqual(t, len(queries), 10, "only")
	for name, open := range map[string]func(*testing.T) *sql.DB{"sqlite": openSQLite, "postgres": openPostgres} {
		t.Run(name, func(t *testing.T) {
			db := open(t)
			for _, q := range queries {
				if q[1] == "" || q[1] == name {
					run(t, db, q[2], q[1] == "")
				}
			}
		})
	}
}

func run(t *testing.T, db *sql.DB, query string, finds bool) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Errorf("%v:\n%s", err, query)
		return
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
	}
	if err := rows.Err(); err != nil || finds && n == 0 {
		t.Errorf("%d rows, %v:\n%s", n, err, query)
	}
}

func openSQLite(t *testing.T) *sql.DB {
	path := t.TempDir() + "/quire.db"
	s, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	fill(t, s)
	require.NoError(t, s.Close())
	return connect(t, "sqlite", path)
}

func openPostgres(t *testing.T) *sql.DB {
	url := pgtest.Shared(t).NewDatabase(t)
	s, err := postgres.Open(t.Context(), url)
	require.NoError(t, err)
	fill(t, s)
	require.NoError(t, s.Close())
	return connect(t, "pgx", url)
}

// fill takes the recorded runs in, and the history of a pipeline.
func fill(t *testing.T, s store.Store) {
	t.Helper()
	for _, folder := range []string{"../../../fixtures", history(t)} {
		summary, err := store.Rebuild(context.Background(), s, jsonl.Folder(folder), store.Options{})
		require.NoError(t, err, summary)
		require.GreaterOrEqual(t, summary.Runs[store.Added], 5, summary)
	}
}

// history unpacks the streams of fixtures/history, and returns their folder.
func history(t *testing.T) string {
	packed, err := os.Open("../../../fixtures/history/runs.tar.gz")
	require.NoError(t, err)
	defer packed.Close()
	unzipped, err := gzip.NewReader(packed)
	require.NoError(t, err)
	files, folder := tar.NewReader(unzipped), t.TempDir()
	for {
		header, err := files.Next()
		if err == io.EOF {
			return folder
		}
		require.NoError(t, err)
		if !filepath.IsLocal(header.Name) || !strings.HasSuffix(header.Name, ".jsonl") {
			continue
		}
		data, err := io.ReadAll(files)
		require.NoError(t, err)
		path := filepath.Join(folder, header.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o777))
		require.NoError(t, os.WriteFile(path, data, 0o666))
	}
}

// The queries for trends give the numbers of package trends, on both databases, and so does the package with each of
// them as its store; groups of their runs are the same too.
func TestTrends(t *testing.T) {
	page, err := os.ReadFile("../../../docs/sql.md")
	require.NoError(t, err)
	_, section, _ := strings.Cut(string(page), "\n## Trends\n")
	queries := query.FindAllStringSubmatch(section, -1)
	folder, expected := history(t), (*trends.Trends)(nil)
	var groups *compare.Groups
	for name, open := range map[string]func(*testing.T) (store.Store, *sql.DB){"memory": inMemory, "sqlite": emptySQLite, "postgres": emptyPostgres} {
		t.Run(name, func(t *testing.T) {
			s, db := open(t)
			_, err := store.Rebuild(t.Context(), s, jsonl.Folder(folder), store.Options{})
			require.NoError(t, err)
			got, err := trends.Stored(t.Context(), s, store.Selection{Last: 200}, nil)
			require.NoError(t, err)
			between, err := compare.StoredGroups(t.Context(), s, selected(t, "ref=main,last=10"), selected(t, "ref=short-waits"))
			require.NoError(t, err)
			if expected == nil {
				expected, groups = got, between
			}
			require.Equal(t, expected, got)
			require.Equal(t, groups, between)
			if db == nil {
				return
			}
			type command struct {
				job, cmd      string
				count, failed int
				median, p95   int64
			}
			commands := map[command]bool{}
			for _, c := range got.Commands {
				commands[command{c.JobID, c.Cmd, c.Count, c.Failed, c.MedianMs.V, c.P95Ms.V}] = true
			}
			for _, row := range rowsOf(t, db, queries[0][2], func(c *command) []any { return []any{&c.job, &c.cmd, &c.count, &c.failed, &c.median, &c.p95} }) {
				require.True(t, commands[row], "%+v", row)
				delete(commands, row)
			}
			require.Empty(t, commands)
			type point struct {
				run  domain.RunID
				at   int64
				ms   int64
				exit int
			}
			points := rowsOf(t, db, queries[1][2], func(p *point) []any { return []any{&p.run, &p.at, &p.ms, &p.exit} })
			at := slices.IndexFunc(got.Commands, func(c trends.Command) bool { return c.JobID == "build" })
			require.Len(t, points, len(got.Commands[at].Points))
			for i, p := range got.Commands[at].Points {
				require.Equal(t, point{p.RunID, p.StartedAtMs.V, p.Ms.V, 0}, points[i])
			}
			type flaky struct {
				job, sha      string
				count, failed int
			}
			for _, f := range rowsOf(t, db, queries[2][2], func(f *flaky) []any { return []any{&f.job, &f.sha, &f.count, &f.failed} }) {
				job := slices.IndexFunc(got.Jobs, func(j trends.Job) bool { return j.JobID == f.job })
				require.Contains(t, got.Jobs[job].FlakyShas, f.sha)
			}
			type failure struct {
				job, cmd          string
				exit, count       int
				firstMs, latestMs int64
			}
			failures := rowsOf(t, db, queries[3][2], func(f *failure) []any { return []any{&f.job, &f.cmd, &f.exit, &f.count, &f.firstMs, &f.latestMs} })
			require.Len(t, failures, len(got.Failures))
			for i, f := range failures {
				require.Equal(t, [2]any{got.Failures[i].Cmd, got.Failures[i].Count}, [2]any{f.cmd, f.count})
			}
		})
	}
}

func selected(t *testing.T, text string) store.Selection {
	s, err := store.ParseSelection(text, store.Selection{State: projections.Complete, Last: 200}, time.Now())
	require.NoError(t, err)
	return s
}

func rowsOf[R any](t *testing.T, db *sql.DB, query string, into func(*R) []any) (all []R) {
	rows, err := db.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var row R
		require.NoError(t, rows.Scan(into(&row)...))
		all = append(all, row)
	}
	require.NoError(t, rows.Err())
	require.NotEmpty(t, all)
	return all
}

func inMemory(*testing.T) (store.Store, *sql.DB) { return memory.New(), nil }

func emptySQLite(t *testing.T) (store.Store, *sql.DB) {
	path := t.TempDir() + "/quire.db"
	s, err := sqlite.Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s, connect(t, "sqlite", path)
}

func emptyPostgres(t *testing.T) (store.Store, *sql.DB) {
	url := pgtest.Shared(t).NewDatabase(t)
	s, err := postgres.Open(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s, connect(t, "pgx", url)
}

func connect(t *testing.T, driver, address string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}
