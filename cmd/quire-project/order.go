package main

import (
	"context"
	"iter"
	"runtime"
)

// inOrder calls do with each item, on all cores, and yields the results in the
// order of the items. It works a few items ahead of whoever takes the results.
func inOrder[T, R any](ctx context.Context, items iter.Seq[T], do func(T) R) iter.Seq[R] {
	return func(yield func(R) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		workers := runtime.GOMAXPROCS(0)
		results := make(chan chan R, workers)
		cores := make(chan struct{}, workers)
		go func() {
			defer close(results)
			for item := range items {
				result := make(chan R, 1)
				select {
				case results <- result:
				case <-ctx.Done():
					return
				}
				cores <- struct{}{}
				go func() {
					result <- do(item)
					<-cores
				}()
			}
		}()
		for result := range results {
			if !yield(<-result) {
				return
			}
		}
	}
}
