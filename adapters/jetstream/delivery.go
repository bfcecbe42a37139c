package jetstream

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
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
	size    float64     // of messages, on an average of the latest ones; 0 before the first
	quiet   *time.Timer // when requests have to be made again

	queue []*inHand // not handed out yet

	hard   context.Context // the parent of messages' contexts
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	done   chan struct{} // some message is settled

	mu    sync.Mutex
	hands map[uint64]*inHand // by their number in the stream
}

// A request is open for some time, in which the server gives signs of life.
const (
	requestExpires = 10 * time.Second
	serverBeat     = time.Second
)

func newDelivery(t *tenure) (*delivery, error) {
	b := t.w.b
	d := &delivery{
		t: t, next: fmt.Sprintf("$JS.API.CONSUMER.MSG.NEXT.%s.%s", b.options.Stream, b.consumer(t.partition)),
		raw:  make(chan *nats.Msg, 2*b.options.InFlight+64),
		done: make(chan struct{}, 1), quiet: time.NewTimer(time.Hour), hands: map[uint64]*inHand{},
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
	for ctx.Err() == nil {
		if err := d.loop(ctx); err != nil && ctx.Err() == nil {
			d.trouble.note(err)
			d.found = false
			d.mend(ctx, err)
			_ = sleep(ctx, 100*time.Millisecond)
		}
	}
}

// mend removes a consumer that has lost its files on the server, as happens when
// somebody deletes it in the moment in which it is made: it exists, and can be
// neither read nor made. What it knew of acks is lost, so that all that the stream
// holds comes once more.
func (d *delivery) mend(ctx context.Context, err error) {
	if apiCode(err) != jetstream.JSErrCodeConsumerCreate {
		d.broken = 0
		return
	}
	if d.broken++; d.broken < mendAfter {
		return
	}
	d.broken = 0
	b := d.t.w.b
	d.t.log().Warn("the server cannot use the consumer any more; it is made anew, and messages that were handled come once more", "error", err)
	ctx, cancel := context.WithTimeout(ctx, b.lease)
	defer cancel()
	_ = b.js.DeleteConsumer(ctx, b.options.Stream, b.consumer(d.t.partition)) // if that fails, there is a next time
}

// mendAfter is how often a consumer cannot be made before it is removed. Ten times
// is about a second, in which a server mends what is only for a moment.
const mendAfter = 10

func (d *delivery) loop(ctx context.Context) error {
	if !d.found {
		if err := d.t.makeConsumer(ctx); err != nil {
			return err
		}
		d.found, d.asked = true, 0
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

// most is how many messages may be in hand. Before any has come nobody knows how large
// they are, and a few are enough to find out.
func (d *delivery) most() int {
	o := &d.t.w.b.options
	if d.size == 0 {
		return min(o.InFlight, first)
	}
	return max(1, min(o.InFlight, int(float64(o.InFlightBytes)/d.size)))
}

// first is for how many messages a partition is asked first.
const first = 8

// weigh takes note of a message's size. Larger ones count at once, so that memory is not
// taken by surprise.
func (d *delivery) weigh(bytes int) {
	size := max(float64(bytes), 1)
	if size < d.size {
		size = d.size + (size-d.size)/16
	}
	d.size = size
}

// ask asks for messages if there is room for any: at once if none are on their way,
// else when there is room for half of those that may be in hand, so that a request
// is for some. If the connection is lost, it will ask again soon.
func (d *delivery) ask() {
	most := d.most()
	room := most - d.inHand() - d.asked
	if room <= 0 || d.asked > 0 && 2*room < most {
		return
	}
	request := fmt.Appendf(nil, `{"batch":%d,"expires":%d,"idle_heartbeat":%d}`, room, requestExpires, serverBeat)
	d.asked += room
	d.quiet.Reset(5 * serverBeat / 2)
	if d.t.w.b.conn.PublishRequest(d.next, d.inbox.Subject, request) != nil {
		d.quiet.Reset(100 * time.Millisecond)
	}
}

func (d *delivery) inHand() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.hands)
}

// take takes in what the server has sent: a message, or how it stands with the
// request.
func (d *delivery) take(raw *nats.Msg) error {
	d.quiet.Reset(5 * serverBeat / 2)
	if isMessage(raw) {
		d.asked = max(0, d.asked-1)
		d.weigh(len(raw.Data))
		d.queue = append(d.queue, d.hold(raw)...)
	} else {
		switch status := raw.Header.Get("Status"); status {
		case "100": // a sign of life
		case "404", "408": // there are none, or not so many: one request is over
			d.asked = max(0, d.asked-unanswered(raw))
		default: // 409: leaders change, or the consumer was deleted; 503: nobody is there
			return fmt.Errorf("the server answers with status %s %s", status, raw.Header.Get("Description"))
		}
	}
	d.trouble.note(nil)
	return nil
}

// unanswered is for how many messages a request that is over was still open.
func unanswered(raw *nats.Msg) int {
	if n, err := strconv.Atoi(raw.Header.Get("Nats-Pending-Messages")); err == nil {
		return n
	}
	return math.MaxInt // nobody knows; ask again for all
}

// isMessage tells a message from what the server has to say.
func isMessage(raw *nats.Msg) bool { return strings.HasPrefix(raw.Reply, "$JS.ACK.") }

// hold takes a message in hand. One that is in hand already, because the server
// could not be told so in time, is not handed out a second time.
func (d *delivery) hold(raw *nats.Msg) []*inHand {
	about, err := raw.Metadata()
	if err != nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if h := d.hands[about.Sequence.Stream]; h != nil {
		h.again(raw.Reply, about.NumDelivered)
		return nil
	}
	h := newInHand(d, raw, about)
	d.hands[about.Sequence.Stream] = h
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
