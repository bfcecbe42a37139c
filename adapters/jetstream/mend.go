package jetstream

import (
	"context"
	"errors"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// mend removes a consumer that has lost its files on the server, as happens when
// somebody deletes it in the moment in which it is made: it exists, and can be
// neither read nor made. What it knew of acks is lost, so that all that the stream
// holds comes once more.
func (d *delivery) mend(ctx context.Context, err error) {
	if !lostFiles(err) {
		d.broken = 0
		return
	}
	if d.broken++; d.broken < mendAfter {
		return
	}
	d.broken = 0
	b := d.a.w.b
	ctx, cancel := context.WithTimeout(ctx, b.options.lease)
	defer cancel()
	d.a.log().Warn("the server cannot use the consumer any more; it is made anew, and messages that were handled come once more", "error", err)
	_ = b.js.DeleteConsumer(ctx, b.options.Stream, b.consumer(d.a.partition)) // if that fails, there is a next time
}

// lostFiles reports whether a consumer cannot be made because its files are gone. The
// server has one code for all that it cannot write, such as a disk that is full, and
// describes them as its system does.
func lostFiles(err error) bool {
	var said *jetstream.APIError
	return errors.As(err, &said) && said.ErrorCode == jetstream.JSErrCodeConsumerCreate &&
		(strings.Contains(said.Description, "no such file") || strings.Contains(said.Description, "cannot find the"))
}

// mendAfter is how often a consumer cannot be made before it is removed. Ten times
// is about a second, in which a server mends what is only for a moment.
const mendAfter = 10
