package jetstream

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
)

// inFlight is a message that the server expects an answer for.
type inFlight struct {
	d         *delivery
	at        place
	message   *message.Message
	end       context.CancelFunc // of the message's context
	back      chan struct{}      // closed if the message is not delivered
	concluded chan struct{}

	mu    sync.Mutex
	reply string // the subject for the answer
	tries uint64 // how often it was delivered
}

// place identifies a message in the stream: by its sequence and, because sequences start again after a
// stream was deleted and created again, by the time at which the server stored it.
type place struct {
	number uint64
	stored int64
}

func newInFlight(d *delivery, raw *nats.Msg, at place, tries uint64) *inFlight {
	m := &inFlight{
		d: d, at: at, message: decode(raw), back: make(chan struct{}), concluded: make(chan struct{}),
		reply: raw.Reply, tries: tries,
	}
	ctx, end := context.WithCancel(d.hard)
	m.message.SetContext(ctx)
	m.end = end
	return m
}

// again records another delivery of the message.
func (m *inFlight) again(reply string, tries uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reply, m.tries = reply, tries
}

// conclude waits for the outcome of the message and sends it to the server.
func (m *inFlight) conclude() {
	defer close(m.concluded)
	answer := m.outcome()
	m.end()
	m.answer(answer)
	m.d.mu.Lock()
	delete(m.d.inFlight, m.at)
	m.d.bytes -= len(m.message.Payload)
	m.d.mu.Unlock()
	signal(m.d.done)
}

// outcome waits for the handler's ack or nack. In the meantime it sends progress signals to the
// server.
func (m *inFlight) outcome() string {
	progress := time.NewTicker(m.d.a.w.b.options.ackWait / 3)
	defer progress.Stop()
	for {
		select {
		case <-m.message.Acked():
			return "+ACK"
		case <-m.message.Nacked():
			return m.later()
		case <-m.back:
			return "-NAK"
		case <-m.d.hard.Done():
			return "-NAK"
		case <-progress.C:
			_ = m.send("+WPI")
		}
	}
}

// later returns a nack with a delay, which grows with the number of deliveries.
func (m *inFlight) later() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprintf(`-NAK {"delay": %d}`, backoff(m.tries))
}

// backoff returns the delay after a number of deliveries.
func backoff(tries uint64) time.Duration {
	return min(50*time.Millisecond<<min(max(tries, 1)-1, 20), 5*time.Second)
}

// answer sends the answer. If the connection is lost, it retries for as long as the server waits.
// Without an answer, the server delivers the message again.
func (m *inFlight) answer(answer string) {
	until := time.Now().Add(m.d.a.w.b.options.ackWait)
	for m.send(answer) != nil && time.Now().Before(until) {
		if sleep(m.d.hard, 100*time.Millisecond) != nil {
			return
		}
	}
}

func (m *inFlight) send(answer string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.d.a.w.b.conn.Publish(m.reply, []byte(answer))
}
