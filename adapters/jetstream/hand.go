package jetstream

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

// inHand is a message that the server waits for.
type inHand struct {
	d       *delivery
	at      place
	message *message.Message
	end     context.CancelFunc // of the message's context
	back    chan struct{}      // closed when it will not be handed out
	settled chan struct{}

	mu    sync.Mutex
	reply string // where the server waits for an answer
	tries uint64 // how often it was delivered
}

// place is where a message is in the stream: by its number and, as numbers begin anew with a
// stream that was deleted and made again, by when the server stored it.
type place struct {
	number uint64
	stored int64
}

func newInHand(d *delivery, raw *nats.Msg, at place, tries uint64) *inHand {
	h := &inHand{
		d: d, at: at, message: decode(raw), back: make(chan struct{}), settled: make(chan struct{}),
		reply: raw.Reply, tries: tries,
	}
	ctx, end := context.WithCancel(d.hard)
	h.message.SetContext(ctx)
	h.end = end
	return h
}

// again takes note that the server has delivered the message once more.
func (h *inHand) again(reply string, tries uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reply, h.tries = reply, tries
}

// settle tells the server what becomes of the message.
func (h *inHand) settle() {
	defer close(h.settled)
	answer := h.outcome()
	h.end()
	h.tell(answer)
	h.d.mu.Lock()
	delete(h.d.hands, h.at)
	h.d.bytes -= len(h.message.Payload)
	h.d.mu.Unlock()
	signal(h.d.done)
}

// outcome waits until it is known what to answer. Meanwhile it tells the server
// that the message is being handled.
func (h *inHand) outcome() string {
	progress := time.NewTicker(h.d.t.w.b.options.AckWait / 3)
	defer progress.Stop()
	for {
		select {
		case <-h.message.Acked():
			return "+ACK"
		case <-h.message.Nacked():
			return h.later()
		case <-h.back:
			return "-NAK"
		case <-h.d.hard.Done():
			return "-NAK"
		case <-progress.C:
			_ = h.send("+WPI")
		}
	}
}

// later is that the message is to come again, the later the more often it has.
func (h *inHand) later() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return fmt.Sprintf(`-NAK {"delay": %d}`, backoff(h.tries))
}

// backoff is how long a message waits that was delivered some times.
func backoff(tries uint64) time.Duration {
	return min(50*time.Millisecond<<min(max(tries, 1)-1, 20), 5*time.Second)
}

// tell tells the server, for as long as it waits, even if the connection is
// lost for a moment. What it does not hear it delivers again.
func (h *inHand) tell(answer string) {
	until := time.Now().Add(h.d.t.w.b.options.AckWait)
	for h.send(answer) != nil && time.Now().Before(until) {
		if sleep(h.d.hard, 100*time.Millisecond) != nil {
			return
		}
	}
}

func (h *inHand) send(answer string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.d.t.w.b.conn.Publish(h.reply, []byte(answer))
}
