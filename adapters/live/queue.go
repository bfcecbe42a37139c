package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/display"
)

// Queue writes lines in a goroutine of its own: whoever reads them may pause, as a
// pager does, and nobody who writes is held up. It is safe for concurrent use.
type Queue struct {
	out  io.Writer
	ctx  context.Context
	done chan struct{} // closed when nothing more is written

	mu      sync.Mutex
	changed sync.Cond
	wait    bool   // for room, rather than leave lines out
	text    []byte // that is to be written next
	missing int    // how many lines were left out behind it
	closed  bool
	err     error // the first one
}

// maxQueued is how much is kept to be written, besides what is being written.
const maxQueued = 4 << 20

// unread is for how long whoever reads is waited for, once all is to end.
const unread = 2 * time.Second

// ErrUnread says that the last of what was shown was not read before all had to end.
var ErrUnread = errors.New("nobody has read the last of it")

// NewQueue returns a queue for out. If more has to be kept than there is room for,
// Write waits, or else the queue leaves lines out, and says how many. When ctx is done
// nothing is waited for any more.
func NewQueue(ctx context.Context, out io.Writer, wait bool) *Queue {
	q := &Queue{out: out, ctx: ctx, wait: wait, done: make(chan struct{})}
	q.changed.L = &q.mu
	go q.run()
	return q
}

// Write has whole lines written. An error is one of those that were written before.
func (q *Queue) Write(lines []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
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

// note says what was left out, where it was.
func (q *Queue) note() {
	if q.missing > 0 {
		q.text = fmt.Appendf(q.text, "(%s left out here, since nobody was reading)\n", display.Plural(q.missing, "line"))
		q.missing = 0
	}
}

// Close waits until all is written, and returns the first error of writing. After
// the end of the queue's context it waits for a short time only, and then the error is
// [ErrUnread].
func (q *Queue) Close() error {
	q.mu.Lock()
	q.closed = true
	q.changed.Broadcast()
	q.mu.Unlock()
	if err := awaitReader(q.ctx, q.done); err != nil {
		return err
	}
	return q.err
}

// awaitReader waits until all is written, see [Queue.Close].
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

// run writes until all is written and nothing more will come.
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

// next waits for what is to be written, and takes what was written for what will be.
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
