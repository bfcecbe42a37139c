package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/brokers"
	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/quire-ci/quire-project/adapters/jetstream/natstest"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/adapters/storetest/services"
	"github.com/quire-ci/quire-project/adapters/worker"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// A new worker waits while an old one works. Once the store is rebuilt, the old one ends, and the
// new one continues: every run is there, with rows of the new version.
func TestVersions(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]func(t *testing.T) string{
		"SQLite":     func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "quire.db") },
		"PostgreSQL": func(t *testing.T) string { return services.PostgreSQL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			turns := &turns{t: t, broker: natstest.New(t).URL(), store: address(t), runs: t.TempDir()}
			before := turns.work(turns.open(1))
			turns.publish("before", 0, 4)
			turns.until(1, "before", 4)

			after := turns.work(turns.open(2))
			after.says("waiting until the store is rebuilt")
			after.answers("/readyz", http.StatusServiceUnavailable, "have version 1, and this program has version 2")
			after.answers("/healthz", http.StatusServiceUnavailable, "and this program has version 2")
			after.answers("/livez", http.StatusOK, "ok")
			turns.publish("meanwhile", 0, 3)
			turns.until(1, "meanwhile", 3)
			before.answers("/readyz", http.StatusOK, "ok")

			turns.rebuild(2)
			turns.publish("meanwhile", 3, 4)
			turns.publish("after", 0, 4)
			err := before.ends()
			assert.ErrorIs(t, err, store.ErrOtherVersion)
			assert.ErrorContains(t, err, "use a newer program")
			turns.until(2, "meanwhile", 4)
			turns.until(2, "after", 4)
			after.answers("/readyz", http.StatusOK, "ok")
			turns.verified(2)
			after.stop()
			assert.NoError(t, after.ends())
		})
	}
}

// turns has programs of two versions at one broker and one store.
type turns struct {
	t             *testing.T
	broker, store string
	runs          string // the folder of the streams
}

// open opens the store as a program of a version does.
func (u *turns) open(version int) stores.Store {
	u.t.Helper()
	set, err := projections.NewSet(projections.Define(projections.Declaration[added]{
		Name: "added", Version: version, Single: true, New: func() projections.Projection[added] { return &added{Version: int64(version)} },
	}))
	require.NoError(u.t, err)
	s, err := stores.Open(u.t.Context(), u.store, stores.Options{Projections: set})
	require.NoError(u.t, err)
	u.t.Cleanup(func() { s.Close() })
	return s
}

// added has one row, with the version of the program.
type added struct {
	Version int64 `json:"version"`
}

func (*added) Reduce(_ *projections.Step, rows []projections.Row[added]) []projections.Row[added] {
	return rows
}

func (a *added) Open(_ *projections.Tracker, rows []projections.Row[added]) []projections.Row[added] {
	return append(rows, projections.Row[added]{Value: *a})
}

// line is an event that starts a job.
func line(n int) string {
	return fmt.Sprintf(`{"at_ms":%d,"type":"job_started","job_id":"%d"}`+"\n", n, n)
}

// publish sends some lines of a run, and writes them to its file.
func (u *turns) publish(run string, from, until int) {
	u.t.Helper()
	var before, lines strings.Builder
	for n := range until {
		if n < from {
			before.WriteString(line(n))
		} else {
			lines.WriteString(line(n))
		}
	}
	require.NoError(u.t, os.WriteFile(filepath.Join(u.runs, run+".jsonl"), []byte(before.String()+lines.String()), 0o600))
	b, err := brokers.Open(u.t.Context(), u.broker, brokers.Options{})
	require.NoError(u.t, err)
	defer b.Close()
	_, err = broker.NewPublisher(b.Publisher(), b, broker.PublishOptions{}).Publish(u.t.Context(), domain.Segment{Run: domain.RunID(run), Offset: int64(before.Len()), Data: []byte(lines.String())})
	require.NoError(u.t, err)
}

// until waits until the store has some jobs of a run, and the row of a version.
func (u *turns) until(version int, run string, jobs int) {
	u.t.Helper()
	s := u.open(version)
	assert.EventuallyWithT(u.t, func(c *assert.CollectT) {
		row, err := store.ReadRun(u.t.Context(), s, domain.RunID(run))
		assert.NoError(c, err)
		assert.Equal(c, int64(jobs), int64(row.Jobs))
	}, 5*time.Minute, 20*time.Millisecond, run)
	stale, err := store.Stale(u.t.Context(), s, domain.RunID(run))
	assert.NoError(u.t, err)
	assert.Empty(u.t, stale, run)
}

func (u *turns) rebuild(version int) {
	u.t.Helper()
	summary, err := store.Rebuild(u.t.Context(), u.open(version), jsonl.Folder(u.runs), store.Options{})
	require.NoError(u.t, err)
	assert.Equal(u.t, 2, summary.Runs[store.Derived], summary)
}

func (u *turns) verified(version int) {
	u.t.Helper()
	err := store.Verify(u.t.Context(), u.open(version), jsonl.Folder(u.runs), store.VerifyOptions{
		Tables: nil,
		Found:  func(d store.Difference) { u.t.Errorf("%+v", d) },
		Done:   func(v store.Verified) { assert.NoError(u.t, v.Err) },
	})
	assert.NoError(u.t, err)
}

// program is a worker.
type program struct {
	t     *testing.T
	url   string
	log   *waittest.Output
	stop  context.CancelFunc
	ended chan error
}

// work starts a worker with a store.
func (u *turns) work(s stores.Store) *program {
	u.t.Helper()
	ctx, stop := context.WithCancel(u.t.Context())
	p := &program{t: u.t, log: &waittest.Output{}, stop: stop, ended: make(chan error, 1)}
	id, err := s.ID(ctx)
	require.NoError(u.t, err)
	b, err := brokers.Open(ctx, u.broker, brokers.Options{Group: id})
	require.NoError(u.t, err)
	listener, err := worker.Listen("127.0.0.1:0", true)
	require.NoError(u.t, err)
	p.url = "http://" + listener.Addr().String()
	go func() {
		err := worker.Run(ctx, b, s, worker.Options{Listener: listener, Logger: slog.New(slog.NewTextHandler(p.log, nil))})
		_ = b.Close()
		p.ended <- err
	}()
	u.t.Cleanup(func() {
		stop()
		p.ended <- <-p.ended
	})
	return p
}

// ends waits for the worker to end, and returns its error.
func (p *program) ends() error {
	p.t.Helper()
	select {
	case err := <-p.ended:
		p.ended <- err
		return err
	case <-time.After(5 * time.Minute):
		p.t.Fatalf("the worker does not end:\n%s", p.log)
		return nil
	}
}

func (p *program) says(words string) {
	p.t.Helper()
	assert.Eventually(p.t, func() bool { return strings.Contains(p.log.String(), words) }, 5*time.Minute, 20*time.Millisecond, words)
}

// answers waits until a page has a status and some words.
func (p *program) answers(page string, status int, words string) {
	p.t.Helper()
	assert.EventuallyWithT(p.t, func(c *assert.CollectT) {
		response, err := http.Get(p.url + page)
		if !assert.NoError(c, err) {
			return
		}
		defer response.Body.Close()
		var body json.RawMessage
		assert.NoError(c, json.NewDecoder(response.Body).Decode(&body))
		assert.Equal(c, status, response.StatusCode, string(body))
		assert.Contains(c, string(body), words)
	}, 5*time.Minute, 20*time.Millisecond, page)
}
