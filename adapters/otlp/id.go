package otlp

import (
	"crypto/sha256"
	"encoding/binary"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/quire-ci/quire-project/domain"
)

// The ids are the first bytes of SHA-256 digests. The input of a digest is the name of the kind,
// followed by each part with its length in front, so that different lists of parts never give the
// same input.

// TraceID returns the id of a run's trace.
func TraceID(run domain.RunID) (id pcommon.TraceID) {
	copy(id[:], digest("trace", string(run)))
	id[0] |= 1 // an id of zeros is invalid
	return id
}

// RunSpan returns the id of the span of a run.
func RunSpan(run domain.RunID) pcommon.SpanID { return spanID("run", string(run)) }

// JobSpan returns the id of the span of a job.
func JobSpan(run domain.RunID, job string) pcommon.SpanID { return spanID("job", string(run), job) }

// CommandSpan returns the id of the span of command number seq of a job.
func CommandSpan(run domain.RunID, job string, seq int) pcommon.SpanID {
	return spanID("command", string(run), job, string(binary.AppendUvarint(nil, uint64(seq))))
}

func spanID(parts ...string) (id pcommon.SpanID) {
	copy(id[:], digest(parts...))
	id[0] |= 1
	return id
}

func digest(parts ...string) []byte {
	var text []byte
	for _, part := range parts {
		text = append(binary.AppendUvarint(text, uint64(len(part))), part...)
	}
	sum := sha256.Sum256(text)
	return sum[:]
}
