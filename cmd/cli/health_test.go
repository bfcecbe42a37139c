package cli

import (
	"database/sql"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jetstream/natstest"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// healthAsker asks a worker for its health.
type healthAsker struct {
	t    *testing.T
	base string
	p    *process
}

func watchWorker(t *testing.T, args ...string) *healthAsker {
	t.Helper()
	p := startProcess(t, append([]string{"subscribe", "--listen", "127.0.0.1:0", "--patience", "1s"}, args...)...)
	address := regexp.MustCompile(`url=(http://\S+)`)
	waitUntil(t, func() bool { return address.MatchString(p.said.String()) }, func() string { return "it does not serve: " + p.said.String() })
	return &healthAsker{t, address.FindStringSubmatch(p.said.String())[1], p}
}

func (w *healthAsker) ask(page string) (int, string) {
	response, err := http.Get(w.base + page)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(body)
}

// until waits until a page has a status and words.
func (w *healthAsker) until(page string, status int, words string) {
	w.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		code, body := w.ask(page)
		if code == status && strings.Contains(body, words) {
			return
		}
		if live, _ := w.ask("/livez"); live != http.StatusOK {
			w.t.Fatalf("/livez is %d", live)
		}
		require.False(w.t, time.Now().After(end), "%s is %d %s, want %d with %q; the worker said: %s", page, code, body, status, words, &w.p.said)
	}
}

// Health reports a store that refuses everything and a broker that is away, and reports when they
// are back.
func TestHealth(t *testing.T) {
	t.Parallel()
	server := natstest.New(t, natstest.User("ci", secret))
	file := filepath.Join(t.TempDir(), "quire.db")
	w := watchWorker(t, "--from", server.URL(), "--to", "sqlite:"+file)
	ok := func() {
		t.Helper()
		w.until("/readyz", http.StatusOK, `{"status":"ok"}`)
		w.until("/healthz", http.StatusOK, `"status":"ok"`)
	}
	ok()

	db, err := sql.Open("sqlite", "file:"+file+"?_txlock=immediate")
	require.NoError(t, err)
	defer db.Close()
	tx, err := db.Begin()
	require.NoError(t, err)
	publishOne := func(fixture, id string) {
		t.Helper()
		require.Equal(t, command.StatusOK, startProcess(t, "publish", "../../fixtures/"+fixture, "--run-id", id, "--to", server.URL()).wait(t))
	}
	publishOne("rapid-ci.jsonl", "one")
	w.until("/healthz", http.StatusServiceUnavailable, "none was applied for")
	w.until("/healthz", http.StatusServiceUnavailable, "the database is locked by another program")
	require.NoError(t, tx.Rollback())
	ok()

	server.Stop()
	w.until("/healthz", http.StatusServiceUnavailable, "the broker: no server answers")
	w.until("/readyz", http.StatusServiceUnavailable, "the broker: no server answers")
	server.Start()
	ok()
	publishOne("not-spawned.jsonl", "two")
	waitUntil(t, func() bool {
		var runs int
		return db.QueryRow("SELECT count(*) FROM runs").Scan(&runs) == nil && runs == 2
	}, func() string { return "the runs do not come" })

	w.until("/metrics", http.StatusOK, `cicd_pipeline_run_duration_seconds_count{cicd_pipeline_name="foo",cicd_pipeline_result="failure",cicd_pipeline_run_state="executing",error_type="pipeline_failure"} 1`)

	// A database without its tables answers nothing.
	_, err = db.Exec("ALTER TABLE checkpoints RENAME TO gone")
	require.NoError(t, err)
	w.until("/healthz", http.StatusServiceUnavailable, "the store: an error that is in the log")
	w.until("/readyz", http.StatusServiceUnavailable, "the store: an error that is in the log")
	_, err = db.Exec("ALTER TABLE gone RENAME TO checkpoints")
	require.NoError(t, err)
	ok()
	if _, body := w.ask("/healthz"); strings.Contains(body, secret) || strings.Contains(body, file) {
		t.Error(body)
	}
	w.p.interrupt(t, command.StatusOK)
}
