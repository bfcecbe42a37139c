package store

import (
	"time"

	"github.com/quire-ci/quire-project/domain"
)

// Waiting is a run of which segments have come that are not in its rows.
type Waiting struct {
	Run domain.RunID
	// Quarantine is why, and nil while what is missing may still come.
	Quarantine *Quarantine
	// Segments is how many are parked, Bytes how much they have, First the lowest of
	// their offsets, and Last the highest of their ends.
	Segments           int
	Bytes, First, Last int64
	// Age is how long the oldest of them has been parked, by the clock of the
	// database; 0 if none is.
	Age time.Duration
}

// Quarantine is why no segments of a run are applied. Those that come are parked.
type Quarantine struct {
	Code QuarantineCode
	// Reason says it in words. It quotes nothing of the stream.
	Reason string
	// Offset is up to where the stream is in the rows.
	Offset int64
	// Since is when it was set, by the clock of the database. It is not for
	// the caller of SetQuarantine to say.
	Since time.Time
}

// QuarantineCode says what kind of trouble a run is in.
type QuarantineCode string

// The codes.
const (
	// MalformedSegment: a line is malformed.
	MalformedSegment QuarantineCode = "malformed"
	// MissingSegment: a segment has not come for a long time. When it does, the
	// quarantine ends by itself.
	MissingSegment QuarantineCode = "missing"
	// OtherStream: the segment's digest is not that of the stream up to there:
	// segments of two streams have the same run.
	OtherStream QuarantineCode = "other_stream"
	// CannotGoOn: the rows that are there do not say how to go on: the stream
	// had ended with a line that no line feed ended, or they are from elsewhere.
	CannotGoOn QuarantineCode = "cannot_go_on"
)

// void reports whether the quarantine does not hold any more, where the rows
// reach up to position: it was set when they reached elsewhere.
func (q *Quarantine) void(position int64) bool { return q != nil && q.Offset != position }

// lifts reports whether the quarantine ends when the right segment comes.
func (q *Quarantine) lifts() bool { return q == nil || q.Code == MissingSegment }
