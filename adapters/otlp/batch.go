package otlp

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/quire-ci/quire-project/domain"
)

// maxBatch is the size of a batch of spans in bytes, encoded as protobuf. A collector reads at most
// 1 MiB of JSON as one line, and in JSON a character can take six times as much.
const maxBatch = 96 << 10

// batch gathers spans and sends them when there are enough.
type batch struct {
	send func(ptrace.Traces) error

	traces ptrace.Traces
	spans  ptrace.SpanSlice
	of     func(pcommon.Map) // the resource of the following spans
	fresh  bool              // of is not in traces yet
	size   int
	err    error // the error of send; after it, nothing is sent
}

func newBatch(send func(ptrace.Traces) error) *batch {
	return &batch{send: send, traces: ptrace.NewTraces()}
}

// resource sets the resource of the following spans.
func (b *batch) resource(run domain.RunID, of *labels) {
	b.of, b.fresh = func(to pcommon.Map) { of.put(run, to) }, true
}

// next returns a new span to fill in. Call added afterwards.
func (b *batch) next() ptrace.Span {
	if b.fresh {
		b.fresh = false
		resource := b.traces.ResourceSpans().AppendEmpty()
		resource.SetSchemaUrl(SchemaURL)
		b.of(resource.Resource().Attributes())
		scoped := resource.ScopeSpans().AppendEmpty()
		scoped.SetSchemaUrl(SchemaURL)
		scoped.Scope().SetName(scope)
		b.size += sizes.ResourceSpansSize(resource)
		b.spans = scoped.Spans()
	}
	return b.spans.AppendEmpty()
}

// sizes computes the encoded size of messages.
var sizes ptrace.ProtoMarshaler

// added sends the batch if it has become large enough.
func (b *batch) added(span ptrace.Span) {
	if b.size += sizes.SpanSize(span); b.size >= maxBatch {
		b.flush()
	}
}

// flush sends the gathered spans.
func (b *batch) flush() {
	if b.size == 0 {
		return
	}
	if b.err == nil {
		b.err = b.send(b.traces)
	}
	b.traces, b.fresh, b.size = ptrace.NewTraces(), true, 0
}
