package collectortest

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/otlp"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// start starts the OTLP receiver of a collector, and returns its HTTP address.
func start(t *testing.T, to consumer.Traces) (socket string) {
	var failed error
	for range 10 { // another program may take the port first
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		socket = listener.Addr().String()
		require.NoError(t, listener.Close())
		if failed = startAt(t, socket, to); failed == nil {
			return socket
		}
	}
	require.NoError(t, failed)
	return ""
}

func startAt(t *testing.T, socket string, to consumer.Traces) error {
	factory := otlpreceiver.NewFactory()
	config := factory.CreateDefaultConfig()
	protocols := map[string]any{"http": map[string]any{"endpoint": socket}}
	require.NoError(t, confmap.NewFromStringMap(map[string]any{"protocols": protocols}).Unmarshal(config))
	r, err := factory.CreateTraces(t.Context(), receivertest.NewNopSettings(factory.Type()), config, to)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, r.Shutdown(context.WithoutCancel(t.Context()))) })
	return r.Start(t.Context(), componenttest.NewNopHost())
}

// streams are the recorded streams, and one with every oddity.
func streams(t *testing.T) map[domain.RunID]func() projections.Stream {
	all := map[domain.RunID]func() projections.Stream{}
	paths, err := filepath.Glob("../../../fixtures/*.jsonl")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		all[jsonl.Locate(path).Run] = func() projections.Stream { return jsonl.NewReader(bytes.NewReader(data), jsonl.Options{}) }
	}
	labels := []domain.Label{
		{Key: "repo", Value: "https://example.com/a/b.git"}, {Key: "ref", Value: "refs/heads/main"}, {Key: "sha", Value: "1f"},
		{Key: "url", Value: "https://example.com/7"}, {Key: "odd\x01", Value: "\x00\u2028"},
	}
	events := []domain.Event{laws.RunStarted(-5, labels...), domain.NewShStarted(1<<62, "", "echo \x00"), domain.NewJobStarted(5, "b")}
	for range 2000 {
		events = append(events, domain.NewShStarted(6, "b", "make"), domain.NewShFinished(5, "b", 3))
	}
	var data []byte
	for i := range events {
		data, err = jsonl.Append(data, &events[i])
		require.NoError(t, err)
	}
	all["odd"] = func() projections.Stream { return jsonl.NewReader(bytes.NewReader(data), jsonl.Options{}) }
	return all
}

// write writes some streams with w.
func write(t *testing.T, w *otlp.Writer, all map[domain.RunID]func() projections.Stream) {
	for run, stream := range all {
		_, err := w.Add(run, stream(), report.Options{})
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
}

// spans returns the spans of messages as text, with their resources, by id.
func spans(t *testing.T, all []ptrace.Traces) map[string]string {
	found := map[string]string{}
	for _, traces := range all {
		for _, of := range traces.ResourceSpans().All() {
			for _, scoped := range of.ScopeSpans().All() {
				for _, span := range scoped.Spans().All() {
					one := ptrace.NewTraces()
					resource := one.ResourceSpans().AppendEmpty()
					of.Resource().CopyTo(resource.Resource())
					resource.SetSchemaUrl(of.SchemaUrl())
					scope := resource.ScopeSpans().AppendEmpty()
					scoped.Scope().CopyTo(scope.Scope())
					scope.SetSchemaUrl(scoped.SchemaUrl())
					span.CopyTo(scope.Spans().AppendEmpty())
					var encoder ptrace.JSONMarshaler
					text, err := encoder.MarshalTraces(one)
					require.NoError(t, err)
					require.NotContains(t, found, span.SpanID().String(), "a span arrived twice")
					found[span.SpanID().String()] = string(text)
				}
			}
		}
	}
	return found
}

// What is sent arrives, though the collector is busy now and then; and the collector reads the same
// from the lines of a file.
func TestCollector(t *testing.T) {
	all := streams(t)
	sent, read := &consumertest.TracesSink{}, &consumertest.TracesSink{}
	attempts := 0
	busy, err := consumer.NewTraces(func(ctx context.Context, traces ptrace.Traces) error {
		if attempts++; attempts%3 == 1 {
			return errors.New("busy") // the receiver then answers with 503
		}
		return sent.ConsumeTraces(ctx, traces)
	})
	require.NoError(t, err)
	client, err := otlp.NewClient("otlp+http://"+start(t, busy), otlp.ClientOptions{GiveUp: -1})
	require.NoError(t, err)
	write(t, client.Writer(t.Context(), otlp.Options{Commands: true}), all)
	want := spans(t, sent.AllTraces())
	assert.Greater(t, len(want), 2000)
	assert.Greater(t, attempts, len(sent.AllTraces()), "the collector was never busy")

	var file bytes.Buffer
	write(t, otlp.NewWriter(&file, otlp.Options{Commands: true}), all)
	socket := start(t, read)
	for line := range bytes.Lines(file.Bytes()) {
		response, err := http.Post("http://"+socket+"/v1/traces", "application/json", bytes.NewReader(line))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode)
	}
	assert.Equal(t, want, spans(t, read.AllTraces()))
}
