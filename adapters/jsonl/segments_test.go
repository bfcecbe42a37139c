package jsonl_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
)

// Whether a run can be continued depends on the options of the Segments, not on the
// options of the last segment that was decoded.
func TestSegmentsContinue(t *testing.T) {
	other := jsonl.NewSegments(jsonl.Options{MaxLine: 5 << 20}).ReadOptions()
	for _, limit := range []int{0, 1 << 20} {
		s := jsonl.NewSegments(jsonl.Options{MaxLine: limit})
		want := s.Continues(other)
		segment := domain.Segment{Run: "a", Data: []byte("{\"at_ms\":1,\"type\":\"other\"}\n")}
		_, err := s.Decode(&segment, jsonl.NewSegments(jsonl.Options{MaxLine: 9 << 20}).ReadOptions(), 0, func(*domain.Entry) {})
		require.NoError(t, err)
		if got := s.Continues(other); got != want || got != (limit == 0 && jsonl.DefaultMaxLine >= 5<<20) {
			t.Errorf("limit %d: continues is %v, and %v before", limit, got, want)
		}
	}
}
