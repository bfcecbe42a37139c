package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/display"
)

// Queue writes lines in a separate goroutine, so that a reader that pauses, such as a pager, does not
// hold up writers. It is safe for concurrent use.
type Queue struct {
	out  io.Writer
	ctx  context.Context
	done chan struct{} // closed when the queue has stopped writing

	mu      sync.Mutex
	changed sync.Cond
	wait    bool   // wait for room instead of dropping lines
	text    []byte // to be written next
	missing int    // the number of lines that were dropped after text
	closed  bool
	err     error // the first one

	hold bool
	held [][]byte // to be written at Close
}

// maxQueued is the maximum size of the queued text, excluding what is being written.
const maxQueued = 4 << 20

// unread is how long Close waits for the reader after the context is done.
const unread = 2 * time.Second

// ErrUnread reports that the reader did not read the last lines in time.
var ErrUnread = errors.New("nobody has read the last of it")

// NewQueue returns a queue for out. When the queue is full, Write waits if wait is set; otherwise the
// queue drops lines, and writes how many it dropped. After ctx is done, the queue does not wait for
// room.
func NewQueue(ctx context.Context, out io.Writer, wait bool) *Queue {
	q := &Queue{out: out, ctx: ctx, wait: wait, done: make(chan struct{})}
	q.changed.L = &q.mu
	go q.run()
	return q
}

// maxHeld is the maximum number of writes that are held back: the first and the last ones.
const maxHeld = 1000

// Hold makes the queue keep further text until Close, because something else is drawn on the same
// terminal.
func (q *Queue) Hold() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.hold = true
}

// Write queues whole lines. It may return the error of an earlier write.
func (q *Queue) Write(lines []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.hold {
		if q.held = append(q.held, bytes.Clone(lines)); len(q.held) > maxHeld {
			q.held = slices.Delete(q.held, maxHeld/2, maxHeld/2+1)
		}
		return len(lines), nil
	}
	q.awaitRoom()
	if q.err != nil {
		return 0, q.err
	}
	if len(q.text) >= maxQueued {
		q.missing += bytes.Count(lines, []byte{'\n'})
		return len(lines), nil
	}
	q.note()
	q.text = append(q.text, lines...)
	q.changed.Broadcast()
	return len(lines), nil
}

func (q *Queue) awaitRoom() {
	if !q.wait || len(q.text) < maxQueued {
		return
	}
	defer context.AfterFunc(q.ctx, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.wait = false
		q.changed.Broadcast()
	})()
	for q.wait && len(q.text) >= maxQueued && q.err == nil {
		q.changed.Wait()
	}
}

// note adds the number of dropped lines at the place where they are missing.
func (q *Queue) note() {
	if q.missing > 0 {
		q.text = fmt.Appendf(q.text, "(%s left out here, since nobody was reading)\n", display.Plural(q.missing, "line"))
		q.missing = 0
	}
}

// Close waits until everything is written, and returns the first error of writing. After the queue's
// context is done, it waits only for a short time, and then returns [ErrUnread].
func (q *Queue) Close() error {
	q.mu.Lock()
	q.closed = true
	q.text = append(q.text, bytes.Join(q.held, nil)...)
	q.changed.Broadcast()
	q.mu.Unlock()
	if err := awaitReader(q.ctx, q.done); err != nil {
		return err
	}
	return q.err
}

// awaitReader waits until everything is written, see [Queue.Close].
func awaitReader(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	timer := time.NewTimer(unread)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-timer.C:
		return ErrUnread
	}
}

// run writes until the queue is closed and empty.
func (q *Queue) run() {
	defer close(q.done)
	var text []byte
	for {
		if text = q.next(text); len(text) == 0 {
			return
		}
		if _, err := q.out.Write(text); err != nil {
			q.fail(err)
			return
		}
	}
}

// next waits for text to write. It reuses the buffer of the text that was written.
func (q *Queue) next(written []byte) []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.text) == 0 && q.missing == 0 && !q.closed {
		q.changed.Wait()
	}
	q.note()
	text := q.text
	q.text = written[:0]
	q.changed.Broadcast()
	return text
}

func (q *Queue) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.err = err
	q.changed.Broadcast()
}
