package cli

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Runs are sent to a collector, once or as they grow; a collector that refuses is an error.
func TestCollector(t *testing.T) {
	var requests, status atomic.Int64
	status.Store(http.StatusOK)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		assert.Equal(t, "t0ken", r.Header.Get("Authorization"))
		_, err := io.Copy(io.Discard, r.Body)
		assert.NoError(t, err)
		w.WriteHeader(int(status.Load()))
	}))
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=t0ken")
	var out, errs bytes.Buffer
	require.Zero(t, Run(t.Context(), []string{"../../fixtures", "--to", "otlp+" + server.URL}, &out, &errs), errs.String())
	assert.Empty(t, out.String()+errs.String())
	assert.Positive(t, requests.Swap(0))

	path := filepath.Join(t.TempDir(), "run.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(`{"at_ms":1,"type":"job_started","job_id":"a"}`+"\n"+`{"at_ms":2,"type":"job_finished","job_id":"a","outcome":"complete"}`+"\n"), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int)
	go func() {
		done <- Run(ctx, []string{"follow", path, "--quiet", "--to", "otlp+" + server.URL}, &out, &errs)
	}()
	require.Eventually(t, func() bool { return requests.Load() == 1 }, patience, time.Millisecond)
	cancel()
	assert.Equal(t, 130, <-done)

	status.Store(http.StatusForbidden) // a request of the ended follow may still be answered
	errs.Reset()
	assert.Equal(t, 1, Run(t.Context(), []string{path, "--to", "otlp+" + server.URL}, &out, &errs))
	assert.Equal(t, "quire-project: cannot write: the collector at "+server.URL+" answered 403 Forbidden\n", errs.String())
	errs.Reset()
	assert.Equal(t, 1, Run(t.Context(), []string{"follow", path, "--quiet", "--to", "otlp+" + server.URL}, &out, &errs))
	assert.Contains(t, errs.String(), "answered 403 Forbidden")
}
