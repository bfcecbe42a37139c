package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// deliver applies segments as a broker does, and returns those that were refused: they
// come again.
func deliver(t *rapid.T, p *store.Projector, segments []domain.Segment) (refused []domain.Segment) {
	for _, segment := range segments {
		switch err := p.Apply(context.Background(), segment); {
		case errors.Is(err, store.ErrParkedFull):
			refused = append(refused, segment)
		case err != nil:
			t.Fatal(err)
		}
	}
	return refused
}

// If a segment of a run is missing, no more than the limit is parked. The run is quarantined
// then, the rest is left to the broker, and nothing is lost: when the segment comes, or
// has come and the run is retried, all is applied.
func TestWhatIsHeldHasALimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := file{run: "r", data: streamOf(t, "stream")}
		segments := cut(t, "r", stream.data)
		if len(segments) == 0 {
			return
		}
		first, rest := segments[0], rapid.Permutation(segments[1:]).Draw(t, "order")
		s, options := memory.New(), hasty
		options.MaxParkedBytes = int64(rapid.IntRange(1, 1000).Draw(t, "limit"))
		project(t, s, options, func(p *store.Projector) error {
			left := deliver(t, p, rest)
			if rapid.Bool().Draw(t, "again") {
				left = deliver(t, p, left)
			}
			waiting, err := s.Waiting(context.Background())
			if err != nil {
				return err
			}
			parked := 0
			for _, w := range waiting {
				parked = w.Segments
				assert.LessOrEqual(t, w.Bytes, options.MaxParkedBytes)
				if q := w.Quarantine; len(left) > 0 && (q == nil || q.Code != store.MissingSegment || q.Offset != 0) {
					t.Errorf("what does not fit is refused, and the quarantine is %+v", q)
				}
			}
			assert.Equal(t, len(rest), parked+len(left), "of %d segments %d are parked and %d refused", len(rest), parked, len(left))
			if rapid.Bool().Draw(t, "drop") {
				left = rest
				err = p.Drop(context.Background(), "r") // what was parked is published again
			}
			left = append(left, first)
			for tries := 0; len(left) > 0; tries++ {
				if rapid.Bool().Draw(t, "retry") {
					err = errors.Join(err, p.Retry(context.Background(), "r"))
				}
				if left = deliver(t, p, left); tries > len(segments) {
					t.Fatalf("%d segments are refused for ever", len(left))
				}
			}
			return err
		})
		isRecordOf(t, s, stream)
	})
}
