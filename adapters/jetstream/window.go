package jetstream

import (
	"context"
	"sync"
)

// window bounds what has been sent and not yet been stored. A server drops what
// comes faster than it can be written.
type window struct {
	maxMessages, maxBytes int

	mu              sync.Mutex
	changed         *sync.Cond
	messages, bytes int
}

func newWindow(maxMessages, maxBytes int) *window {
	w := &window{maxMessages: maxMessages, maxBytes: maxBytes}
	w.changed = sync.NewCond(&w.mu)
	return w
}

// acquire waits until there is room. A message that is larger than all of it
// goes alone.
func (w *window) acquire(ctx context.Context, bytes int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.full(bytes) {
		defer context.AfterFunc(ctx, w.wake)()
	}
	for w.full(bytes) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		w.changed.Wait()
	}
	w.messages++
	w.bytes += bytes
	return nil
}

func (w *window) full(bytes int) bool {
	return w.messages > 0 && (w.messages == w.maxMessages || w.bytes+bytes > w.maxBytes)
}

func (w *window) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed.Broadcast()
}

func (w *window) release(bytes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.messages--
	w.bytes -= bytes
	w.changed.Broadcast()
}
