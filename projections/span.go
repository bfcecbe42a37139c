package projections

import "math"

// Span returns the milliseconds from start to end, or null if they are negative or int64
// cannot hold them. It never clamps a duration.
func Span(start, end int64) Null[int64] {
	if end < start || (start < 0 && end > math.MaxInt64+start) {
		return Null[int64]{}
	}
	return Some(end - start)
}

// sum is a sum of spans. Null ones add nothing. A sum that int64 cannot hold is null, and
// stays null.
type sum struct {
	Ms   int64 `json:"ms"`
	Over bool  `json:"over,omitempty"`
}

func (s *sum) add(d Null[int64]) {
	switch {
	case !d.Valid || s.Over:
	case d.V > math.MaxInt64-s.Ms:
		*s = sum{Over: true}
	default:
		s.Ms += d.V
	}
}

func (s sum) total() Null[int64] {
	if s.Over {
		return Null[int64]{}
	}
	return Some(s.Ms)
}

// stretches adds up the time during which something was open. A stretch begins at the event
// that raises the number of open things from 0 to 1, and ends at the event that lowers it to
// 0. A stretch without an end, or of negative length, adds nothing.
type stretches struct {
	Since int64 `json:"since"`
	Total sum   `json:"total"`
}

func (s *stretches) begin(atMs int64) { s.Since = atMs }
func (s *stretches) end(atMs int64)   { s.Total.add(Span(s.Since, atMs)) }
