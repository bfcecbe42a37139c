package parallel_test

import (
	"context"
	"iter"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/projections/parallel"
)

// The results are those of a loop.
func TestInOrderIsALoop(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		counts := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 30).Draw(t, "results of each item")
		var want []int
		for i, n := range counts {
			for range n {
				want = append(want, i)
			}
		}
		items := slices.Values(slices.Collect(keys(counts)))
		got := slices.Collect(parallel.InOrder(context.Background(), items, func(i int, yield func(int) bool) {
			for range counts[i] {
				assert.True(t, yield(i), "nobody has left")
			}
		}))
		require.True(t, slices.Equal(got, want), "got %v, want %v", got, want)
	})
}

func keys(counts []int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range counts {
			if !yield(i) {
				return
			}
		}
	}
}

// After the loop ends early, no more work is done. No more workers are busy than there are cores.
func TestInOrderStops(t *testing.T) {
	var busy, most, begun atomic.Int64
	endless := func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
		}
	}
	work := func(i int, yield func(int) bool) {
		begun.Add(1)
		most.Store(max(most.Load(), busy.Add(1)))
		defer busy.Add(-1)
		for yield(i) {
		}
	}
	for i := range parallel.InOrder(t.Context(), endless, work) {
		require.Equal(t, 0, i, "the first item never ends, and the next one was given")
		if begun.Load() >= int64(runtime.GOMAXPROCS(0)) {
			break
		}
	}
	for deadline := time.Now().Add(10 * time.Second); busy.Load() > 0; {
		require.False(t, time.Now().After(deadline), "somebody goes on working")
		runtime.Gosched()
	}
	assert.LessOrEqual(t, most.Load(), int64(runtime.GOMAXPROCS(0)))
}

func TestInOrderEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for range parallel.InOrder(ctx, slices.Values([]int{1, 2, 3}), func(_ int, yield func(int) bool) {
		for yield(0) {
		}
	}) {
		if n++; n == 10 {
			cancel()
		}
	}
}
