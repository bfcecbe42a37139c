package live

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/projections"
)

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
