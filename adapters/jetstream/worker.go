package jetstream

import (
	"context"
	"crypto/rand"
	"fmt"
	"regexp"
	"slices"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
)

// worker is a [message.Subscriber]. With its first subscription it joins its group, which divides the
// partitions among its members.
type worker struct {
	b  *Broker
	id string

	open    context.Context // ends when the worker is closed
	close   context.CancelFunc
	start   func()
	tasks   sync.WaitGroup
	changed chan struct{} // signals a change of the subscriptions or assignments

	mu            sync.Mutex
	closed        bool
	subscriptions []*subscription
	assignments   map[int]*assignment
	known         bool  // the members are known, and so are the worker's partitions:
	own           []int // these
}

// unfit matches characters that are not allowed in the id of a worker.
var unfit = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

func newWorker(b *Broker) *worker {
	w := &worker{
		b: b, id: unfit.ReplaceAllString(b.options.name, "-") + "-" + rand.Text()[:8],
		changed: make(chan struct{}, 1), assignments: map[int]*assignment{},
	}
	w.open, w.close = context.WithCancel(b.open)
	w.start = sync.OnceFunc(func() { w.tasks.Go(w.join) })
	return w
}

// subscription is a channel for the messages of one partition, or of all partitions.
type subscription struct {
	partition   int
	parent      context.Context // parent of the messages' contexts, which inherit its values
	open        context.Context
	out         chan *message.Message
	assignments sync.WaitGroup
}

func (s *subscription) covers(partition int) bool {
	return s.partition == all || s.partition == partition
}

// Subscribe returns a channel of the messages of one partition, or of [Broker.AllTopics]. Messages
// arrive while this worker is assigned the partition. When ctx is done, no more messages are
// delivered; the channel is closed when those in flight are acked or nacked, or after ten seconds.
// Only then are the contexts of messages cancelled.
func (w *worker) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	partition, err := w.b.partition(topic)
	if err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.b.open.Err() != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", topic, ErrClosed)
	}
	for _, other := range w.subscriptions {
		if partition == all || other.covers(partition) {
			return nil, fmt.Errorf("subscribe to %s: %w", topic, ErrSubscribed)
		}
	}
	s := &subscription{partition: partition, parent: ctx, out: make(chan *message.Message)}
	open, cancel := context.WithCancel(ctx)
	s.open = open
	stop := context.AfterFunc(w.open, cancel)
	w.subscriptions = append(w.subscriptions, s)
	w.tasks.Go(func() {
		defer cancel()
		defer stop()
		<-s.open.Done()
		w.end(s)
	})
	w.start()
	signal(w.changed)
	return s.out, nil
}

// end closes the channel of a subscription after the last sender has finished.
func (w *worker) end(s *subscription) {
	w.mu.Lock()
	w.subscriptions = slices.DeleteFunc(w.subscriptions, func(other *subscription) bool { return other == s })
	w.mu.Unlock()
	signal(w.changed) // others can request the partitions before they are released
	s.assignments.Wait()
	close(s.out)
}

// Close ends all subscriptions. It returns when their messages in flight are done, or after ten
// seconds, and when other workers can acquire the partitions.
func (w *worker) Close() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.close()
	w.tasks.Wait()
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	delete(w.b.workers, w)
	return nil
}

// candidate returns what other workers need to know about this one.
func (w *worker) candidate() candidate {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := candidate{ID: w.id}
	for _, s := range w.subscriptions {
		if s.partition == all {
			c.All = true
		} else {
			c.Partitions = append(c.Partitions, s.partition)
		}
	}
	return c
}

// reconcile begins and ends assignments, so that the worker reads exactly its own partitions.
func (w *worker) reconcile(owners map[int]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known, w.own = true, w.own[:0]
	for partition, owner := range owners {
		if owner == w.id {
			w.own = append(w.own, partition)
		}
	}
	for partition, a := range w.assignments {
		if owners[partition] != w.id {
			a.release()
		}
	}
	for partition, owner := range owners {
		if owner != w.id || w.assignments[partition] != nil {
			continue
		}
		for _, s := range w.subscriptions {
			if s.covers(partition) && s.open.Err() == nil {
				w.begin(s, partition)
			}
		}
	}
}

// ready returns an error until the worker reads all of its partitions.
func (w *worker) ready() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.known {
		return ErrNotReady
	}
	for _, partition := range w.own {
		if a := w.assignments[partition]; a == nil || !a.reading.Load() {
			return ErrNotReady
		}
	}
	return nil
}

// begin begins an assignment. The caller holds mu, because end waits for the assignments of
// subscriptions that it has removed.
func (w *worker) begin(s *subscription, partition int) {
	a := newAssignment(w, s, partition)
	w.assignments[partition] = a
	s.assignments.Go(func() {
		a.run()
		w.mu.Lock()
		delete(w.assignments, partition)
		w.mu.Unlock()
		signal(w.changed)
	})
}

// signal wakes the goroutine that receives from a channel of capacity one, now or later.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
