package follow

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/quire-ci/quire-project/projections/store"
)

// Retry repeats what a store that is away could not do. Several goroutines may use one: it reports
// once that the store is away, and once that it is back.
type Retry struct {
	// Away, when set, is called with the reason when the store goes away, and Back when the store
	// is back. They must return soon.
	Away func(error)
	Back func()

	mu   sync.Mutex
	away bool
	over time.Time // when it was back
}

// How long is waited before a store is tried again.
const (
	firstPause = 50 * time.Millisecond
	maxPause   = time.Second
)

// Do calls do again and again while it returns that the store is away, see [store.IsAway], until
// ctx ends. Do does not wait for a store that is gone: a caller that has the streams can make it
// again.
func (r *Retry) Do(ctx context.Context, do func() error) error { return r.do(ctx, nil, do) }

// do is Do. It calls each, unless that is nil, with each error, and with nil once do succeeds
// after one.
func (r *Retry) do(ctx context.Context, each func(error), do func() error) error {
	pauses := &backoff.ExponentialBackOff{InitialInterval: firstPause, RandomizationFactor: 0.3, Multiplier: 1.5, MaxInterval: maxPause}
	failed, began := false, time.Now()
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		began = time.Now()
		err := do()
		if err != nil && (!store.IsAway(err) || errors.Is(err, store.ErrGone)) { // which can be made again
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, _ time.Duration) {
		failed = true
		r.begins(err, began)
		if each != nil {
			each(err)
		}
	}))
	if failed && err == nil {
		r.ends()
		if each != nil {
			each(nil)
		}
	}
	return err
}

// begins notes that the store did not do what it was asked for at a time.
func (r *Retry) begins(err error, asked time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away || !asked.After(r.over) {
		return
	}
	r.away = true
	if r.Away != nil {
		r.Away(err)
	}
}

// ends notes that the store has done what it did not do before.
func (r *Retry) ends() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.away {
		return
	}
	r.away, r.over = false, time.Now()
	if r.Back != nil {
		r.Back()
	}
}

// isAway reports whether the store is waited for.
func (r *Retry) isAway() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.away
}
