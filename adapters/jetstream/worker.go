package jetstream

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// worker is a [message.Subscriber]. From its first subscription on it is one of
// those among whom the partitions are shared out.
type worker struct {
	b  *Broker
	id string

	open  context.Context // ends when the worker is closed
	close context.CancelFunc
	start func()
	tasks sync.WaitGroup // of membership
	beat  chan struct{}  // the worker's key is to be written now
	look  chan struct{}  // there may be other tenures to begin or to end
	seen  uint64         // the revision of the worker's key that was seen last

	mu            sync.Mutex
	closed        bool
	subscriptions []*subscription
	tenures       map[int]*tenure
	known         bool  // who there is, so that it is known which partitions are the worker's:
	own           []int // these
}

// unfit are characters that the key of a bucket cannot have.
var unfit = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

func newWorker(b *Broker) *worker {
	w := &worker{
		b: b, id: unfit.ReplaceAllString(b.options.Name, "-") + "-" + rand.Text()[:8],
		beat: make(chan struct{}, 1), look: make(chan struct{}, 1), tenures: map[int]*tenure{},
	}
	w.open, w.close = context.WithCancel(b.open)
	w.start = sync.OnceFunc(func() {
		w.tasks.Go(w.heartbeat)
		w.tasks.Go(w.follow)
	})
	return w
}

// subscription is a channel for the messages of one partition, or of all.
type subscription struct {
	partition int
	parent    context.Context // whose values messages have
	open      context.Context
	out       chan *message.Message
	tenures   sync.WaitGroup
}

func (s *subscription) covers(partition int) bool {
	return s.partition == all || s.partition == partition
}

// Subscribe returns a channel of messages: of one partition, or of
// [Broker.AllTopics]. They come while this worker has the partition. When ctx is
// done, no more messages are handed out; the channel is closed as soon as those
// in hand are acked or nacked, or after Options.Drain. Only then are the
// contexts of messages cancelled.
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
	signal(w.beat)
	signal(w.look)
	return s.out, nil
}

// end closes the channel of a subscription once nobody can send on it.
func (w *worker) end(s *subscription) {
	w.mu.Lock()
	w.subscriptions = slices.DeleteFunc(w.subscriptions, func(other *subscription) bool { return other == s })
	w.mu.Unlock()
	signal(w.beat) // before the partitions are free, others are to know that they are
	s.tenures.Wait()
	close(s.out)
}

// Close ends all subscriptions. It returns when their messages in hand are
// done, or after Options.Drain, and when others can have the partitions.
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

// candidate is the worker as others are to see it.
func (w *worker) candidate() candidate {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := candidate{id: w.id}
	for _, s := range w.subscriptions {
		if s.partition == all {
			c.All = true
		} else {
			c.Partitions = append(c.Partitions, s.partition)
		}
	}
	return c
}

// Kinds of keys of the bucket.
const (
	workerKey = "worker"
	leaseKey  = "lease"
)

// key is a key of the bucket: that of a group's worker, by its id, or of the lease of
// a partition, by its number.
func (b *Broker) key(kind, name string) string {
	if b.options.Group != "" {
		kind = b.options.Group + "." + kind
	}
	return kind + "." + name
}

// keyOf returns what a key is of, and false where it is of another kind or group.
func (b *Broker) keyOf(kind, key string) (name string, ok bool) {
	return strings.CutPrefix(key, b.key(kind, ""))
}

// heartbeat writes the worker's key as long as it is open, and removes it
// then.
func (w *worker) heartbeat() {
	key := w.b.key(workerKey, w.id)
	every := time.NewTicker(w.b.lease / 3)
	defer every.Stop()
	trouble := trouble{log: w.b.options.Logger.With("worker", w.id), what: "the worker cannot say that it is alive"}
	for {
		select {
		case <-w.open.Done():
			w.depart(key)
			return
		case <-every.C:
		case <-w.beat:
		}
		if err := w.put(key); w.open.Err() == nil {
			trouble.note(err)
		}
	}
}

func (w *worker) depart(key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.open), w.b.lease/3)
	defer cancel()
	// Where this fails, the key vanishes by itself.
	_ = w.b.bucket.Delete(ctx, key)
}

func (w *worker) put(key string) error {
	value, err := json.Marshal(w.candidate())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(w.open, w.b.lease/3)
	defer cancel()
	if _, err = w.b.bucket.Put(ctx, key, value); isMissing(err) {
		w.b.remake(ctx)
	}
	return err
}

// reconcile begins and ends tenures so that the worker has the partitions that
// are its own.
func (w *worker) reconcile(owners map[int]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known, w.own = true, w.own[:0]
	for partition, owner := range owners {
		if owner == w.id {
			w.own = append(w.own, partition)
		}
	}
	for partition, t := range w.tenures {
		if owners[partition] != w.id {
			t.giveUp()
		}
	}
	for partition, owner := range owners {
		if owner != w.id || w.tenures[partition] != nil {
			continue
		}
		for _, s := range w.subscriptions {
			if s.covers(partition) && s.open.Err() == nil {
				w.begin(s, partition)
			}
		}
	}
}

// ready reports why the worker does not read all partitions that are its own.
func (w *worker) ready() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.known {
		return ErrNotReady
	}
	for _, partition := range w.own {
		if t := w.tenures[partition]; t == nil || !t.reading.Load() {
			return ErrNotReady
		}
	}
	return nil
}

// begin begins a tenure. It is called with mu held, as end is waiting for
// tenures of subscriptions that it has removed.
func (w *worker) begin(s *subscription, partition int) {
	t := newTenure(w, s, partition)
	w.tenures[partition] = t
	s.tenures.Go(func() {
		t.run()
		w.mu.Lock()
		delete(w.tenures, partition)
		w.mu.Unlock()
		signal(w.look)
	})
}

// leaseIsFree tells a tenure that waits for the lease of its partition.
func (w *worker) leaseIsFree(partition int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.tenures[partition]; t != nil {
		signal(t.free)
	}
}

// signal wakes who waits on a channel of capacity one, now or next.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
