package jetstream

import (
	"context"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

// delivery delivers the messages of a partition while the server has pinned the partition's consumer
// to this worker, or may do so. It requests as many messages as may be in flight. It does not use the
// client's Fetch, Messages or Consume: a publisher can send a message that these mistake for the
// server's answer to a request, and then they lose the messages after it.
type delivery struct {
	a     *assignment
	inbox *nats.Subscription
	raw   chan *nats.Msg

	trouble trouble
	found   bool        // the consumer exists
	broken  int         // how many times in a row it could not be created
	pin     string      // identifies this worker to the server, "" while it is not pinned
	asked   int         // messages that were requested and have not arrived
	renewed time.Time   // when the latest request was sent
	quiet   *time.Timer // fires when requests have to be sent again

	queue []*inFlight // not delivered yet

	hard   context.Context // the parent of messages' contexts
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	done   chan struct{} // signals that a message is concluded

	mu       sync.Mutex
	inFlight map[place]*inFlight
	bytes    int // of messages in flight
}

func newDelivery(a *assignment) (*delivery, error) {
	b := a.w.b
	d := &delivery{
		a: a, raw: make(chan *nats.Msg, 2*b.options.InFlight+64),
		done: make(chan struct{}, 1), quiet: time.NewTimer(time.Hour), inFlight: map[place]*inFlight{},
		trouble: trouble{log: a.log(), what: "the partition cannot be read"},
	}
	d.hard, d.cancel = context.WithCancel(context.WithoutCancel(a.s.parent))
	var err error
	d.inbox, err = b.conn.ChanSubscribe(b.conn.NewInbox(), d.raw)
	return d, err
}

// run delivers messages until ctx is done, and then waits for those in flight. It retries after an
// error.
func (d *delivery) run(ctx context.Context) {
	defer d.stop()
	defer d.a.reading.Store(false)
	for ctx.Err() == nil {
		if err := d.loop(ctx); err != nil && ctx.Err() == nil {
			d.trouble.note(err)
			d.found = false
			d.a.reading.Store(false)
			d.mend(ctx, err)
			_ = sleep(ctx, 100*time.Millisecond)
		}
	}
}

func (d *delivery) loop(ctx context.Context) error {
	if !d.found {
		if err := d.a.makeConsumer(ctx); err != nil {
			return err
		}
		d.found, d.asked, d.broken = true, 0, 0
		d.a.reading.Store(true)
	}
	tick := time.NewTicker(d.renewal() / 2)
	defer tick.Stop()
	for ctx.Err() == nil {
		d.ask()
		var out chan<- *message.Message
		var first *message.Message
		if len(d.queue) > 0 {
			out, first = d.a.s.out, d.queue[0].message
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.done:
		case <-tick.C:
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

// load returns how many messages are in flight, and their bytes.
func (d *delivery) load() (messages, bytes int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.inFlight), d.bytes
}

// enqueue queues a message. If the message is in flight already, because an ack did not reach the server
// in time, enqueue does not queue it a second time.
func (d *delivery) enqueue(raw *nats.Msg) {
	about, err := raw.Metadata()
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	at := place{about.Sequence.Stream, about.Timestamp.UnixNano()}
	if m := d.inFlight[at]; m != nil {
		m.again(raw.Reply, about.NumDelivered)
		return
	}
	m := newInFlight(d, raw, at, about.NumDelivered)
	d.inFlight[at] = m
	d.bytes += len(m.message.Payload)
	d.tasks.Go(m.conclude)
	d.queue = append(d.queue, m)
}

// stop ends the requests, gives undelivered messages back, waits for the others, and lets the server
// pin another worker. It takes little longer than Options.drain, even if the server is unavailable.
func (d *delivery) stop() {
	late := time.AfterFunc(d.a.w.b.options.drain, d.cancel)
	defer late.Stop()
	// The client would drop messages that arrive after Unsubscribe. When the server answers,
	// everything that it sent before has arrived.
	d.endRequests()
	_ = d.inbox.Drain()
	_ = d.a.w.b.conn.FlushTimeout(time.Second)
	for len(d.raw) > 0 {
		if raw := <-d.raw; isMessage(raw) {
			d.setPin(pinOf(raw))
			d.enqueue(raw)
		}
	}
	d.giveBack()
	d.wait()
	d.cancel()
	d.quiet.Stop()
	d.unpin()
}

// endRequests waits until the requests of a worker without a pin have expired: otherwise the server
// could pin the worker for one of them after it has left.
func (d *delivery) endRequests() {
	end := time.After(d.renewal())
	for d.pin == "" && d.asked > 0 && d.a.w.b.conn.IsConnected() {
		select {
		case raw := <-d.raw:
			_ = d.take(raw)
		case <-end:
			return
		}
	}
}

// giveBack gives the undelivered messages back to the server, in order.
func (d *delivery) giveBack() {
	for _, m := range d.queue {
		close(m.back)
		<-m.concluded
	}
	d.queue = nil
}

// wait waits until all messages are concluded, and keeps the pin in the meantime.
func (d *delivery) wait() {
	concluded := make(chan struct{})
	go func() { d.tasks.Wait(); close(concluded) }()
	tick := time.NewTicker(d.renewal())
	defer tick.Stop()
	for {
		select {
		case <-concluded:
			return
		case <-tick.C:
			d.keepPin()
		}
	}
}
