package jetstream

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// A request is open for some time, in which the server gives signs of life.
const (
	requestExpires = 10 * time.Second
	serverBeat     = time.Second
)

// ask asks for messages if there is room for any: at once if none are on their way,
// else when there is room for half of those that may be in hand, so that a request
// is for some. If the connection is lost, it will ask again soon.
func (d *delivery) ask() {
	o := &d.t.w.b.options
	messages, bytes := d.inHand()
	room := o.InFlight - messages - d.asked
	if room <= 0 || bytes >= o.InFlightBytes || d.asked > 0 && 2*room < o.InFlight {
		return
	}
	request := fmt.Appendf(nil, `{"batch":%d,"max_bytes":%d,"expires":%d,"idle_heartbeat":%d}`, room, max(o.InFlightBytes-bytes, d.largest()), requestExpires, serverBeat)
	d.asked += room
	d.quiet.Reset(5 * serverBeat / 2)
	if d.t.w.b.conn.PublishRequest(d.next, d.inbox.Subject, request) != nil {
		d.quiet.Reset(100 * time.Millisecond)
	}
}

// largest is how many bytes a message can have as the server counts them, with its
// subjects: who asks for less may never get any.
func (d *delivery) largest() int { return int(d.t.w.b.conn.MaxPayload()) + 4<<10 }

// take takes in what the server has sent: a message, or how it stands with the
// request.
func (d *delivery) take(raw *nats.Msg) error {
	d.quiet.Reset(5 * serverBeat / 2)
	if isMessage(raw) {
		d.asked = max(0, d.asked-1)
		d.queue = append(d.queue, d.hold(raw)...)
	} else {
		status, description := raw.Header.Get("Status"), raw.Header.Get("Description")
		switch {
		case status == "100": // a sign of life
		case status == "404", status == "408", status == "409" && isOver[description]:
			// There are none, or not so many, or no more are asked for: one request is over.
			d.asked = max(0, d.asked-unanswered(raw))
		default: // 409: leaders change, or the consumer was deleted; 503: nobody is there
			return fmt.Errorf("the server answers with status %s %s", status, description)
		}
	}
	d.trouble.note(nil)
	return nil
}

// isOver are the words with which a server ends a request that has a max_bytes: because
// that is used up, or because it is not, and all messages have come. Other words with the
// same status say that something is wrong.
var isOver = map[string]bool{"Message Size Exceeds MaxBytes": true, "Batch Completed": true}

// unanswered is for how many messages a request that is over was still open.
func unanswered(raw *nats.Msg) int {
	if n, err := strconv.Atoi(raw.Header.Get("Nats-Pending-Messages")); err == nil {
		return n
	}
	return math.MaxInt // nobody knows; ask again for all
}

// isMessage tells a message from what the server has to say.
func isMessage(raw *nats.Msg) bool { return strings.HasPrefix(raw.Reply, "$JS.ACK.") }
