package display

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/projections/laws"
)

// The present is one of two times, and ours only where it may be the producer's.
func TestPresent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		last, now := laws.AtMs().Draw(t, "last"), laws.AtMs().Draw(t, "now")
		at, heard := Present(last, time.UnixMilli(now))
		require.True(t, at == last || at == now && now > last && uint64(now)-uint64(last) <= uint64(maxQuiet.Milliseconds()), "%d", at)
		require.True(t, heard || at == last && now > last)
	})
	day := maxQuiet.Milliseconds()
	for _, example := range []struct {
		last, now, want int64
		heard           bool
	}{
		{2000, 5000, 5000, true}, // it goes on
		{2000, 1500, 2000, true}, // the producer's clock is ahead
		{2000, 2000 + day, 2000 + day, true},
		{2000, 2001 + day, 2000, false},          // its writer has died, or it was recorded long ago
		{math.MinInt64, 0, math.MinInt64, false}, // not what an int64 holds
		{math.MaxInt64, 0, math.MaxInt64, true},
	} {
		at, heard := Present(example.last, time.UnixMilli(example.now))
		assert.Equal(t, example.want, at, "%+v", example)
		assert.Equal(t, example.heard, heard, "%+v", example)
	}
}
