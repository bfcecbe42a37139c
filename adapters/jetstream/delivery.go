package jetstream

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

// delivery hands the messages of a partition out. It asks the server for as
// many as may be in hand, and does not use the
// client's own loops for that: those cannot be stopped without leaving messages
// behind that nobody gets until AckWait is over.
type delivery struct {
	t     *tenure
	next  string // where messages are asked for
	inbox *nats.Subscription
	raw   chan *nats.Msg

	trouble trouble
	found   bool        // the consumer is there
	broken  int         // how often in turn it could not be made
	asked   int         // messages still to come for requests
	quiet   *time.Timer // when requests have to be made again

	queue []*inHand // not handed out yet

	hard   context.Context // the parent of messages' contexts
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	done   chan struct{} // some message is settled

	mu    sync.Mutex
	hands map[place]*inHand
	bytes int // of theirs
}

func newDelivery(t *tenure) (*delivery, error) {
	b := t.w.b
	d := &delivery{
		t: t, next: fmt.Sprintf("$JS.API.CONSUMER.MSG.NEXT.%s.%s", b.options.Stream, b.consumer(t.partition)),
		raw:  make(chan *nats.Msg, 2*b.options.InFlight+64),
		done: make(chan struct{}, 1), quiet: time.NewTimer(time.Hour), hands: map[place]*inHand{},
		trouble: trouble{log: t.log(), what: "the partition cannot be read"},
	}
	d.hard, d.cancel = context.WithCancel(context.WithoutCancel(t.s.parent))
	var err error
	d.inbox, err = b.conn.ChanSubscribe(b.conn.NewInbox(), d.raw)
	return d, err
}

// run hands out messages until ctx is done, and then waits for those in hand.
// When something is wrong it tries again, for as long as the lease is held.
func (d *delivery) run(ctx context.Context) {
	defer d.stop()
	defer d.t.reading.Store(false)
	for ctx.Err() == nil {
		if err := d.loop(ctx); err != nil && ctx.Err() == nil {
			d.trouble.note(err)
			d.found = false
			d.t.reading.Store(false)
			d.mend(ctx, err)
			_ = sleep(ctx, 100*time.Millisecond)
		}
	}
}

func (d *delivery) loop(ctx context.Context) error {
	if !d.found {
		if err := d.t.makeConsumer(ctx); err != nil {
			return err
		}
		d.found, d.asked, d.broken = true, 0, 0
		d.t.reading.Store(true)
	}
	for ctx.Err() == nil {
		d.ask()
		var out chan<- *message.Message
		var first *message.Message
		if len(d.queue) > 0 {
			out, first = d.t.s.out, d.queue[0].message
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.done:
		case out <- first:
			d.queue = d.queue[1:]
		case raw := <-d.raw:
			if err := d.take(raw); err != nil {
				return err
			}
		case <-d.quiet.C:
			d.asked = 0
		}
	}
	return nil
}

// inHand returns how many messages are in hand, and their bytes.
func (d *delivery) inHand() (messages, bytes int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.hands), d.bytes
}

// hold takes a message in hand. One that is in hand already, because the server
// could not be told so in time, is not handed out a second time.
func (d *delivery) hold(raw *nats.Msg) []*inHand {
	about, err := raw.Metadata()
	if err != nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	at := place{about.Sequence.Stream, about.Timestamp.UnixNano()}
	if h := d.hands[at]; h != nil {
		h.again(raw.Reply, about.NumDelivered)
		return nil
	}
	h := newInHand(d, raw, at, about.NumDelivered)
	d.hands[at] = h
	d.bytes += len(h.message.Payload)
	d.tasks.Go(h.settle)
	return []*inHand{h}
}

// stop asks for no more, gives back what was not handed out, and waits for
// what was. It takes no longer than Options.Drain, and a little, even if the
// server is away.
func (d *delivery) stop() {
	late := time.AfterFunc(d.t.w.b.options.Drain, d.cancel)
	defer late.Stop()
	// The client would throw away what comes after Unsubscribe. What the server
	// has sent before it knew is here when it answers.
	_ = d.inbox.Drain()
	_ = d.t.w.b.conn.FlushTimeout(time.Second)
	for len(d.raw) > 0 {
		if raw := <-d.raw; isMessage(raw) {
			d.queue = append(d.queue, d.hold(raw)...)
		}
	}
	for _, h := range d.queue {
		close(h.back)
		<-h.settled // in order
	}
	d.tasks.Wait()
	d.cancel()
	d.quiet.Stop()
	_ = d.t.w.b.conn.FlushTimeout(time.Second) // the acks come before the lease is free
}
