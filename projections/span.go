package projections

import "math"

// Span returns the milliseconds from start to end. It is unknown where it
// would be negative, or where int64 cannot hold it: a duration is never
// clamped and never invented.
func Span(start, end int64) Null[int64] {
	if end < start || (start < 0 && end > math.MaxInt64+start) {
		return Null[int64]{}
	}
	return Some(end - start)
}

// sum adds up spans. Unknown ones add nothing. A sum that int64 cannot hold
// is unknown and stays so, as nothing is ever taken away from it.
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

// stretches adds up the time during which at least one thing was open. It
// begins at the event that takes the count of open things from 0 to 1 and ends
// at the one that takes it back; one that never ended, or would be negative,
// adds nothing.
type stretches struct {
	Since int64 `json:"since"`
	Total sum   `json:"total"`
}

func (s *stretches) begin(atMs int64) { s.Since = atMs }
func (s *stretches) end(atMs int64)   { s.Total.add(Span(s.Since, atMs)) }
