package follow

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/quire-ci/quire-project/projections/store"
)

// Retry repeats operations of a store while the store is unavailable. Several goroutines may share
// one: it reports once that the store is unavailable, and once that it is back.
type Retry struct {
	// Away, if set, is called with the reason when the store becomes unavailable, and Back when it
	// is back. They must return quickly.
	Away func(error)
	Back func()

	mu   sync.Mutex
	away bool
	over time.Time // when the store was back
}

// Delays before the next attempt.
const (
	firstPause = 50 * time.Millisecond
	maxPause   = time.Second
)

// Do calls do repeatedly while do returns that the store is unavailable, see [store.IsAway], until ctx
// ends. Do does not wait for a store that is gone: a caller that has the streams can create it again.
func (r *Retry) Do(ctx context.Context, do func() error) error { return r.do(ctx, nil, do) }

// do implements Do. It calls each, if not nil, with each error, and with nil when do succeeds after an
// error.
func (r *Retry) do(ctx context.Context, each func(error), do func() error) error {
	pauses := &backoff.ExponentialBackOff{InitialInterval: firstPause, RandomizationFactor: 0.3, Multiplier: 1.5, MaxInterval: maxPause}
	failed, began := false, time.Now()
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		began = time.Now()
		err := do()
		if err != nil && (!store.IsAway(err) || errors.Is(err, store.ErrGone)) { // a store that is gone can be created again
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

// begins records that the store failed an operation that started at a time.
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

// ends records that the store has completed an operation that had failed.
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

// isAway reports whether the store is unavailable.
func (r *Retry) isAway() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.away
}
