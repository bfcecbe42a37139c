// Package parallel does work on many cores and returns the results in order.
package parallel

import (
	"context"
	"iter"
	"runtime"
)

// InOrder calls do with each item, on all cores, and yields the results of do in the order
// of the items. It works a few items ahead of its consumer, and holds at most one result of
// each item. When the consumer breaks or ctx ends, yield returns false; then do has to
// return.
func InOrder[T, R any](ctx context.Context, items iter.Seq[T], do func(item T, yield func(R) bool)) iter.Seq[R] {
	return func(yield func(R) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		workers := runtime.GOMAXPROCS(0)
		queue := make(chan chan R, workers)
		cores := make(chan struct{}, workers)
		go func() {
			defer close(queue)
			for item := range items {
				results := make(chan R, 1)
				select {
				case cores <- struct{}{}:
				case <-ctx.Done():
					return
				}
				go func() {
					defer func() { <-cores }()
					defer close(results)
					do(item, sendTo(ctx, results))
				}()
				select {
				case queue <- results:
				case <-ctx.Done():
					return
				}
			}
		}()
		for results := range queue {
			for result := range results {
				if !yield(result) {
					return
				}
			}
		}
	}
}

func sendTo[R any](ctx context.Context, results chan<- R) func(R) bool {
	return func(result R) bool {
		select {
		case results <- result:
			return true
		case <-ctx.Done():
			return false
		}
	}
}
