package follow

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/quire-ci/quire-project/projections/store"
)

// Patience waits for a store that is away. Several goroutines may need the store; it
// is told once that it is away, and once that it is back.
type Patience struct {
	// Away, when set, is told why the store has to be waited for, and Back that it
	// need not be any more. They are to return soon.
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

// Do does something with the store again and again while the store is away, see
// [store.IsAway], until ctx ends. Do does not wait for a store that is gone: a caller that
// has the streams can make it again.
func (p *Patience) Do(ctx context.Context, do func() error) error { return p.do(ctx, nil, do) }

// do is Do. each, if it is not nil, is told of each failure, and with nil that they are
// over.
func (p *Patience) do(ctx context.Context, each func(error), do func() error) error {
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
		p.begins(err, began)
		if each != nil {
			each(err)
		}
	}))
	if failed && err == nil {
		p.ends()
		if each != nil {
			each(nil)
		}
	}
	return err
}

// begins takes note that the store did not do what it was asked for at a time.
func (p *Patience) begins(err error, asked time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away || !asked.After(p.over) {
		return
	}
	p.away = true
	if p.Away != nil {
		p.Away(err)
	}
}

// ends takes note that the store has done what it did not before.
func (p *Patience) ends() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.away {
		return
	}
	p.away, p.over = false, time.Now()
	if p.Back != nil {
		p.Back()
	}
}

// isAway reports whether the store is waited for.
func (p *Patience) isAway() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.away
}
