package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/quire-ci/quire-project/domain"
)

// Live sends the stream of a run while it grows. What is added is sent at once if
// nothing is on its way; else it waits until the broker has taken that, and
// goes together with all that has come meanwhile. So nobody waits for a
// timer, a burst of events costs a message or two, and order is kept. It is for
// one goroutine that adds; others may wait with Flush.
type Live struct {
	publisher *Publisher
	cutter    *Cutter
	done      chan struct{} // closed when nothing will be sent any more
	forget    func() bool   // stops watching the context

	mu      sync.Mutex
	changed *sync.Cond // some of what follows
	begun   bool       // something was added
	next    int64      // where in the stream goes on what is added
	pending []byte     // whole lines that are not on their way yet
	tail    []byte     // what follows them, if the stream has ended
	ended   bool       // nothing may be added
	busy    bool       // something is on its way
	err     error
	stats   Stats
}

// Live begins to send the stream of a run, until ctx ends or the result is closed,
// which it has to be.
func (p *Publisher) Live(ctx context.Context, run domain.RunID) *Live {
	l := &Live{publisher: p, cutter: NewCutter(run, p.options.SegmentBytes), done: make(chan struct{})}
	l.changed = sync.NewCond(&l.mu)
	l.forget = context.AfterFunc(ctx, func() { l.sent(Stats{}, ctx.Err()) })
	go l.run(ctx)
	return l
}

// Add hands over whole lines of the stream, of which the first begins at offset;
// what follows must be added in order, with nothing left out. It copies lines, and waits
// only if too much is pending. The error may be that of sending what was added before.
func (l *Live) Add(offset int64, lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	return l.add(domain.Segment{Run: l.cutter.run, Offset: offset, Data: lines})
}

// Tail hands over the last line of the stream, which no line feed ends and to which
// nothing will be added.
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

// Flush waits until all that was added has been sent.
func (l *Live) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.err == nil && (l.busy || l.waiting()) {
		l.changed.Wait()
	}
	return l.err
}

// Close sends what is pending and ends. It may be called more than once.
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

// run sends until there is an error, or nothing more to come.
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

// take waits for something to send, and returns nothing when there will be none.
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

// send cuts and publishes. Segments before one that cannot be are sent all the same.
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

// sent says that nothing is on its way any more. The first error stays.
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
