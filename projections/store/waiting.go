package store

import (
	"time"

	"github.com/quire-ci/quire-project/domain"
)

// Waiting is a run that is quarantined or has parked segments.
type Waiting struct {
	Run domain.RunID
	// Quarantine is nil while the missing segments may still come.
	Quarantine *Quarantine
	// Segments is the number of parked segments, Bytes their size, First the lowest of
	// their offsets, and Last the highest of their ends.
	Segments           int
	Bytes, First, Last int64
	// Age is how long the oldest of them has been parked, by the database's clock; 0 if there is
	// none.
	Age time.Duration
}

// Quarantine says why the segments of a run are parked instead of applied.
type Quarantine struct {
	Code QuarantineCode
	// Reason is for people. It quotes nothing of the stream.
	Reason string
	// Offset is how far the rows reached in the stream.
	Offset int64
	// Since is when the quarantine was set, by the clock of the database. SetQuarantine
	// ignores it.
	Since time.Time
	cause error // of a malformed segment, until the quarantine is set
}

// QuarantineCode says why a run is quarantined.
type QuarantineCode string

// The codes.
const (
	// MalformedSegment: a line is malformed.
	MalformedSegment QuarantineCode = "malformed"
	// MissingSegment: a segment has not come for a long time. The quarantine ends when it
	// comes.
	MissingSegment QuarantineCode = "missing"
	// OtherStream: the segment's digest is not that of the stream so far, or the segment
	// begins within a line of it, because two streams have the same run id.
	OtherStream QuarantineCode = "other_stream"
	// NotResumable: segments cannot continue the stored rows, because the state of their fold
	// is missing or unusable, or because they are of other projections.
	NotResumable QuarantineCode = "not_resumable"
	// RefusedRun: the store refuses the rows of the run, and accepts those of others.
	RefusedRun QuarantineCode = "refused"
)

// void reports whether the quarantine no longer applies to rows that reach position, because it
// was set for others.
func (q *Quarantine) void(position int64) bool { return q != nil && q.Offset != position }

// lifts reports whether the quarantine ends when the missing segment comes.
func (q *Quarantine) lifts() bool { return q == nil || q.Code == MissingSegment }
