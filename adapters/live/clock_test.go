package live

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// The present is one of two times, and ours only where it may be the producer's.
func TestPresent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first, last := laws.AtMs().Draw(t, "first"), laws.AtMs().Draw(t, "last")
		now := moments().Draw(t, "now")
		at := present(first, last, now)
		if at != last && (at != now.UnixMilli() || at < last || at < first || uint64(at)-uint64(first) > uint64(plausible.Milliseconds())) {
			t.Fatalf("from %d to %d, at %d: %d", first, last, now.UnixMilli(), at)
		}
	})
	day := (24 * time.Hour).Milliseconds()
	for _, example := range []struct{ first, last, now, want int64 }{
		{1000, 2000, 5000, 5000}, // it goes on
		{1000, 2000, 1500, 2000}, // the producer's clock is ahead
		{1000, 2000, 1000 + 30*day, 1000 + 30*day},
		{1000, 2000, 1001 + 30*day, 2000},    // recorded long ago
		{5000, 1000, 2000, 1000},             // the clock was set back
		{math.MinInt64, 0, math.MaxInt64, 0}, // not what an int64 holds
	} {
		assert.Equal(t, example.want, present(example.first, example.last, time.UnixMilli(example.now)), "%+v", example)
	}
}

func TestDurations(t *testing.T) {
	for _, example := range []struct {
		ms            int64
		took, running string
	}{
		{0, "0ms", "0s"},
		{999, "999ms", "0s"},
		{1000, "1.0s", "1s"},
		{59_949, "59.9s", "59s"},
		{59_950, "1m00.0s", "59s"},
		{72_400, "1m12.4s", "1m12s"},
		{3_599_949, "59m59.9s", "59m59s"},
		{3_599_999, "59m59s", "59m59s"},
		{7_392_000, "2h03m12s", "2h03m12s"},
	} {
		assert.Equal(t, example.took, took(projections.Some(example.ms)), "took(%d)", example.ms)
		assert.Equal(t, example.running, running(projections.Some(example.ms)), "running(%d)", example.ms)
	}
	if got := projections.Span(math.MaxInt64, math.MinInt64); got.Valid {
		t.Error(got)
	}
	if got := projections.Span(5, 4); got.Valid || took(got) != "–" || running(got) != "–" {
		t.Error(got)
	}
}
