package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/quire-ci/quire-project/domain"
)

// Live sends the stream of a run while it grows. It sends new lines at once if no message is in
// flight; otherwise they wait for the broker's answer, and go together with all lines that arrive in
// the meantime. So there is no timer, a burst of events needs one or two messages, and the order is
// kept. Only one goroutine may add; others may wait with Flush.
type Live struct {
	publisher *Publisher
	cutter    *Cutter
	done      chan struct{} // closed when Live has stopped sending
	forget    func() bool   // stops watching the context

	mu      sync.Mutex
	changed *sync.Cond // signals changes of the fields below
	begun   bool       // something was added
	next    int64      // the offset of the next line to add
	pending []byte     // whole lines that are not being sent yet
	tail    []byte     // the incomplete last line after them, if the stream has ended
	ended   bool       // nothing may be added
	busy    bool       // a message is in flight
	err     error
	stats   Stats
}

// Live starts sending the stream of a run. It sends until ctx ends or the result is closed; you must
// close it.
func (p *Publisher) Live(ctx context.Context, run domain.RunID) *Live {
	l := &Live{publisher: p, cutter: NewCutter(run, p.options.SegmentBytes), done: make(chan struct{})}
	l.changed = sync.NewCond(&l.mu)
	l.forget = context.AfterFunc(ctx, func() { l.sent(Stats{}, ctx.Err()) })
	go l.run(ctx)
	return l
}

// Add adds whole lines of the stream. The first one begins at offset. Each call must continue
// where the previous one ended. Add copies the lines, and waits only if too much is pending. It may
// return the error of sending earlier lines.
func (l *Live) Add(offset int64, lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	return l.add(domain.Segment{Run: l.cutter.run, Offset: offset, Data: lines})
}

// Tail adds the last line of the stream, which has no line feed. Nothing may be added after it.
func (l *Live) Tail(offset int64, line []byte) error {
	return l.add(domain.Segment{Run: l.cutter.run, Offset: offset, Data: line, Tail: true})
}

func (l *Live) add(piece domain.Segment) error {
	if err := checkAll([]domain.Segment{piece}); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.err == nil && len(l.pending) > 0 && len(l.pending)+len(piece.Data) > l.publisher.options.PendingBytes {
		l.changed.Wait()
	}
	switch {
	case l.err != nil:
		return l.err
	case l.ended:
		return l.cutter.wrong(piece.Offset, errors.New("the stream has ended, and nothing can be added"))
	case l.begun && piece.Offset != l.next:
		return l.cutter.wrong(piece.Offset, fmt.Errorf("the stream goes on at byte %d", l.next))
	case piece.Tail:
		l.tail, l.ended = append([]byte{}, piece.Data...), true
	default:
		l.pending = append(l.pending, piece.Data...)
	}
	l.begun, l.next = true, piece.End()
	l.changed.Broadcast()
	return nil
}

// Flush waits until everything that was added has been sent.
func (l *Live) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.err == nil && (l.busy || l.waiting()) {
		l.changed.Wait()
	}
	return l.err
}

// Close sends the pending lines and ends. You may call it more than once.
func (l *Live) Close() (Stats, error) {
	l.mu.Lock()
	l.ended = true
	l.changed.Broadcast()
	l.mu.Unlock()
	<-l.done
	l.forget()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats, l.err
}

func (l *Live) waiting() bool { return len(l.pending) > 0 || len(l.tail) > 0 }

// run sends until an error, or until nothing more can come.
func (l *Live) run(ctx context.Context) {
	defer close(l.done)
	for {
		offset, lines, tail := l.take()
		if len(lines)+len(tail) == 0 {
			return
		}
		l.sent(l.send(ctx, offset, lines, tail))
	}
}

// take waits for something to send. It returns nothing when nothing more will come.
func (l *Live) take() (offset int64, lines, tail []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.err == nil && !l.waiting() && !l.ended {
		l.changed.Wait()
	}
	if l.err != nil {
		return 0, nil, nil
	}
	lines, tail = l.pending, l.tail
	l.pending, l.tail, l.busy = nil, nil, true
	l.changed.Broadcast() // there is room
	return l.next - int64(len(lines)+len(tail)), lines, tail
}

// send cuts and publishes. If a segment is invalid, the segments before it are still sent.
func (l *Live) send(ctx context.Context, offset int64, lines, tail []byte) (Stats, error) {
	segments, wrong := l.cutter.Add(offset, lines)
	if wrong == nil && len(tail) > 0 {
		var last domain.Segment
		if last, wrong = l.cutter.Tail(offset+int64(len(lines)), tail); wrong == nil {
			segments = append(segments, last)
		}
	}
	stats, err := l.publisher.Publish(ctx, segments...)
	if err == nil {
		err = wrong
	}
	return stats, err
}

// sent records that no message is in flight. Only the first error is kept.
func (l *Live) sent(stats Stats, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = false
	l.stats.add(stats)
	if l.err == nil {
		l.err = err
	}
	l.changed.Broadcast()
}
