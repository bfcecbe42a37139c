package collectortest

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/cicdconv"

	"github.com/quire-ci/quire-project/adapters/broker/metrics"
	"github.com/quire-ci/quire-project/adapters/otlp"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// keys are the attributes of the conventions that spans use.
var keys = []attribute.Key{
	semconv.ServiceNameKey, semconv.CICDPipelineNameKey, semconv.CICDPipelineRunIDKey, semconv.CICDPipelineRunURLFullKey, semconv.CICDPipelineResultKey,
	semconv.CICDPipelineTaskNameKey, semconv.CICDPipelineTaskRunIDKey, semconv.CICDPipelineTaskRunURLFullKey, semconv.CICDPipelineTaskRunResultKey,
	semconv.ErrorTypeKey, semconv.ProcessExitCodeKey, semconv.ProcessCommandLineKey, semconv.VCSRepositoryURLFullKey, semconv.VCSRepositoryNameKey,
	semconv.VCSRefHeadNameKey, semconv.VCSRefHeadRevisionKey, semconv.VCSRefTypeKey,
}

// values are the values of the conventions that spans use, where the conventions list values.
var values = []attribute.KeyValue{
	semconv.CICDPipelineResultSuccess, semconv.CICDPipelineResultFailure, semconv.CICDPipelineResultError,
	semconv.CICDPipelineTaskRunResultSuccess, semconv.CICDPipelineTaskRunResultFailure, semconv.CICDPipelineTaskRunResultError,
	semconv.VCSRefTypeBranch, semconv.VCSRefTypeTag,
}

// The published conventions of their version define the attributes and values of spans, except for
// those of quire.
func TestConventions(t *testing.T) {
	assert.Equal(t, semconv.SchemaURL, otlp.SchemaURL)
	var file bytes.Buffer
	write(t, otlp.NewWriter(&file, otlp.Options{Commands: true}), streams(t))
	known, listed := map[string]bool{}, map[string]bool{}
	for _, key := range keys {
		known[string(key)] = true
	}
	for _, value := range values {
		listed[string(value.Key)] = true
		known[string(value.Key)+"="+value.Value.AsString()] = true
	}
	seen := map[string]bool{}
	see := func(attributes pcommon.Map) {
		for key, value := range attributes.All() {
			if strings.HasPrefix(key, "quire.") {
				continue
			}
			assert.Contains(t, known, key)
			seen[key] = true
			if listed[key] {
				assert.Contains(t, known, key+"="+value.Str())
			}
		}
	}
	for line := range bytes.Lines(file.Bytes()) {
		var decoder ptrace.JSONUnmarshaler
		traces, err := decoder.UnmarshalTraces(line)
		require.NoError(t, err)
		for _, of := range traces.ResourceSpans().All() {
			see(of.Resource().Attributes())
			for _, span := range of.ScopeSpans().At(0).Spans().All() {
				see(span.Attributes())
			}
		}
	}
	assert.Len(t, seen, len(keys), "some are never sent")
}

// Metrics have the names that a collector's Prometheus exporter derives from the conventions: dots
// become underscores, followed by the unit and the kind.
func TestMetricNames(t *testing.T) {
	registry := prometheus.NewRegistry()
	metrics.NewRuns(registry).Written([]store.WrittenRun{
		{Run: store.Run{Run: projections.Run{RunID: "a", State: projections.Active}}},
		{Run: store.Run{Run: projections.Run{RunID: "b", State: projections.Failed, Ended: true}, RunTiming: projections.RunTiming{WallMs: projections.Some[int64](1)}}, Ends: true},
	}, time.Now())
	families, err := registry.Gather()
	require.NoError(t, err)
	name := func(text string) string { return strings.ReplaceAll(text, ".", "_") }
	require.Equal(t, "s", cicdconv.PipelineRunDuration{}.Unit())
	want := map[string][]attribute.Key{
		name(cicdconv.PipelineRunDuration{}.Name()) + "_seconds": {semconv.CICDPipelineNameKey, semconv.CICDPipelineResultKey, semconv.CICDPipelineRunStateKey, semconv.ErrorTypeKey},
		name(cicdconv.PipelineRunActive{}.Name()):                {semconv.CICDPipelineNameKey, semconv.CICDPipelineRunStateKey},
		name(cicdconv.PipelineRunErrors{}.Name()) + "_total":     {semconv.CICDPipelineNameKey, semconv.ErrorTypeKey},
	}
	assert.Len(t, families, len(want))
	for _, family := range families {
		var labels []string
		for _, label := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, label.GetName())
			if label.GetName() == name(string(semconv.CICDPipelineRunStateKey)) {
				assert.Equal(t, semconv.CICDPipelineRunStateExecuting.Value.AsString(), label.GetValue())
			}
		}
		var names []string
		for _, key := range want[family.GetName()] {
			names = append(names, name(string(key)))
		}
		assert.Equal(t, names, labels, family.GetName())
	}
}
