package jetstream

import (
	"context"
	"errors"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// mend deletes a consumer whose files on the server are lost, which happens if a consumer is deleted
// at the moment of its creation: it exists, but can neither be read nor created. The acks are lost
// with it, so the server delivers all messages of the stream again.
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
	_ = b.js.DeleteConsumer(ctx, b.options.Stream, b.consumer(d.a.partition)) // if this fails, mend is called again
}

// lostFiles reports whether a consumer cannot be created because its files are gone. The server uses
// one code for everything that it cannot write, for example because a disk is full, and quotes the
// operating system's error.
func lostFiles(err error) bool {
	var said *jetstream.APIError
	return errors.As(err, &said) && said.ErrorCode == jetstream.JSErrCodeConsumerCreate &&
		(strings.Contains(said.Description, "no such file") || strings.Contains(said.Description, "cannot find the"))
}

// mendAfter is the number of failures after which a consumer is deleted. Ten failures take about a
// second; shorter problems end by themselves.
const mendAfter = 10
