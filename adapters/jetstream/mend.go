package jetstream

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"
)

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
