package jetstream

import (
	"context"
	"errors"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// mend deletes a consumer that has lost its files on the server, as happens if it is
// deleted at the moment in which it is made: it exists, and can be
// neither read nor made. The acks are lost with it, so that the server delivers all messages of the stream
// again.
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
	d.a.log().Warn("the server can no longer use the consumer; it is created again, and messages that were handled are delivered again", "error", err)
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

// mendAfter is after how many failures a consumer is deleted. Ten of them take about a
// second; a shorter trouble ends by itself.
const mendAfter = 10
