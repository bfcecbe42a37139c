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
