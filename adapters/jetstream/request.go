package jetstream

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// request is a request for messages. The server pins the consumer to the first client whose request it
// answers, and sends that client a pin id with each message. It then answers only requests with this
// id, until none has arrived for Options.lease.
type request struct {
	Batch    int           `json:"batch"`
	MaxBytes int           `json:"max_bytes"`
	Expires  time.Duration `json:"expires"`
	Group    string        `json:"group"`
	Pin      string        `json:"id,omitempty"`
}

// renewal returns the maximum lifetime of a request, so that the next one renews the pin in time.
func (d *delivery) renewal() time.Duration { return min(d.a.w.b.options.lease/3, 2*time.Second) }

// ask requests messages if there is room: at once if none are on their way, otherwise when there is
// room for half of the maximum in flight, so that requests are not too small. Without room, ask renews
// the pin.
func (d *delivery) ask() {
	o := &d.a.w.b.options
	messages, bytes := d.load()
	room := o.InFlight - messages - d.asked
	switch {
	case d.asked == 0 && (room <= 0 || bytes >= o.inFlightBytes):
		if time.Since(d.renewed) >= d.renewal() {
			d.keepPin()
		}
	case d.asked == 0 || bytes < o.inFlightBytes && 2*room >= o.InFlight:
		d.asked += room
		d.quiet.Reset(d.renewal() + time.Second)
		if d.send(request{Batch: room, MaxBytes: max(o.inFlightBytes-bytes, d.largest())}, d.inbox.Subject) != nil {
			d.quiet.Reset(100 * time.Millisecond) // the connection is lost
		}
	}
}

// keepPin renews the pin with a request that no message can match, because each message is larger than
// a byte. The request has no inbox: answers to it would be mistaken for answers to other requests.
func (d *delivery) keepPin() {
	if d.pin != "" {
		_ = d.send(request{Batch: 1, MaxBytes: 1}, d.a.w.b.conn.NewInbox())
	}
}

func (d *delivery) send(r request, inbox string) error {
	d.renewed = time.Now()
	r.Expires, r.Group, r.Pin = d.renewal(), pinGroup, d.pin
	if d.pin == "" {
		r.Expires = min(r.Expires, time.Second) // a worker that leaves waits until the request expires
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return d.a.w.b.conn.PublishRequest(d.api("MSG.NEXT"), inbox, data)
}

// api returns the subject of a call about the partition's consumer.
func (d *delivery) api(call string) string {
	b := d.a.w.b
	return fmt.Sprintf("$JS.API.CONSUMER.%s.%s.%s", call, b.options.Stream, b.consumer(d.a.partition))
}

// unpin lets the server pin another worker at once. Acks were sent earlier on the same connection.
func (d *delivery) unpin() {
	if d.pin == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	// If this fails, the pin expires.
	_, _ = d.a.w.b.conn.RequestWithContext(ctx, d.api("UNPIN"), []byte(`{"group":"`+pinGroup+`"}`))
	d.setPin("")
}

func (d *delivery) setPin(pin string) {
	d.pin = pin
	d.a.pinned.Store(pin != "")
}

// pinOf returns the pin id of a message. The server appends its header after those of the message, in
// which a publisher may have set the same name.
func pinOf(raw *nats.Msg) string {
	pins := raw.Header["Nats-Pin-Id"]
	if len(pins) == 0 {
		return ""
	}
	return pins[len(pins)-1]
}

// largest returns the maximum size of a message as the server counts it, including subjects: a request
// for fewer bytes may never be answered.
func (d *delivery) largest() int { return int(d.a.w.b.conn.MaxPayload()) + 4<<10 }

// take handles a message, or the server's answer to a request.
func (d *delivery) take(raw *nats.Msg) error {
	d.quiet.Reset(d.renewal() + time.Second)
	if isMessage(raw) {
		d.asked = max(0, d.asked-1)
		d.setPin(pinOf(raw))
		d.enqueue(raw)
	} else {
		status, description := raw.Header.Get("Status"), raw.Header.Get("Description")
		switch {
		case status == "404", status == "408", status == "409" && isOver[description]:
			// The request has ended: it has expired, or too few messages were available.
			d.asked = max(0, d.asked-unanswered(raw))
		case status == "423":
			// The server does not know the pin: it was restarted, or has pinned another worker.
			d.asked = max(0, d.asked-unanswered(raw))
			d.setPin("")
			d.giveBack()
		default: // 409: leaders change, or the consumer was deleted; 503: nobody is there
			return fmt.Errorf("the server answers with status %s %s", status, description)
		}
	}
	d.trouble.note(nil)
	return nil
}

// isOver has the descriptions with which the server ends a request that has max_bytes: because the
// limit is reached, or because all messages have arrived. Other descriptions with the same status
// report errors.
var isOver = map[string]bool{"Message Size Exceeds MaxBytes": true, "Batch Completed": true}

// unanswered returns how many messages of an ended request were not delivered.
func unanswered(raw *nats.Msg) int {
	if n, err := strconv.Atoi(raw.Header.Get("Nats-Pending-Messages")); err == nil {
		return n
	}
	return math.MaxInt // the number is unknown; request all again
}

// isMessage distinguishes a message from the server's answer to a request. Only the server chooses the
// reply subject; the publisher chooses a message's headers.
func isMessage(raw *nats.Msg) bool { return strings.HasPrefix(raw.Reply, "$JS.ACK.") }
