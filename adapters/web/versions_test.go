package web_test

import (
	"context"
	"database/sql"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/sqlite"
	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

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
