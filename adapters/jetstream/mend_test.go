package jetstream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jetstream/natstest"
)

// A consumer whose files are gone on the server is made anew.
func TestConsumerWithoutFiles(t *testing.T) {
	t.Parallel()
	server := natstest.New(t)
	b := openWith(t, server.URL(), with(func(o *Options) { o.Partitions = 1 }))
	publish(t, b, b.Topic(0), numbered(1, 1)...)
	before := b.Subscriber()
	next(t, subscribe(t, before, b.AllTopics())).Ack()
	acked(t, b)
	require.NoError(t, before.Close())
	folder := filepath.Join(server.Server().StoreDir(), "*", "streams", b.options.Stream, "obs", b.consumer(0))
	found, err := filepath.Glob(folder)
	require.NoError(t, err)
	require.Len(t, found, 1)
	// The server may be writing into the folder.
	eventually(t, "the files are gone", func() bool { return os.RemoveAll(found[0]) == nil })
	publish(t, b, b.Topic(0), numbered(2, 1)...)
	messages := subscribe(t, b.Subscriber(), b.AllTopics())
	for payload := ""; payload != "2"; { // the first one, too: nobody knows that it was acked
		m := next(t, messages)
		payload = string(m.Payload)
		m.Ack()
	}
	acked(t, b)
}

// One that cannot be written at the moment, as on a disk that is full, is left alone: it
// knows what was acked.
func TestConsumerThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := openWith(t, natstest.New(t).URL(), with(func(o *Options) { o.Partitions = 1 }))
	publish(t, b, b.Topic(0), numbered(1, 1)...)
	w := b.Subscriber()
	next(t, subscribe(t, w, b.AllTopics())).Ack()
	acked(t, b)
	before, err := b.js.Consumer(ctx, b.options.Stream, b.consumer(0))
	require.NoError(t, err)
	w.(*worker).mu.Lock()
	d := &delivery{a: w.(*worker).assignments[0]}
	w.(*worker).mu.Unlock()
	for range 2 * mendAfter {
		d.mend(ctx, fmt.Errorf("make the consumer: %w", &jetstream.APIError{Code: 500, ErrorCode: jetstream.JSErrCodeConsumerCreate, Description: "write meta.inf.tmp: no space left on device"}))
	}
	after, err := b.js.Consumer(ctx, b.options.Stream, b.consumer(0))
	if err != nil || !after.CachedInfo().Created.Equal(before.CachedInfo().Created) {
		t.Errorf("the consumer was made anew: %v", err)
	}
}

// A cluster that has lost its leader may not have agreed yet on a message that was
// sent before.
func TestWhatIsPermanent(t *testing.T) {
	for code, want := range map[jetstream.ErrorCode]bool{codeInProcess: false, codeNoCluster: true, 10071: true} {
		assert.Equal(t, want, permanent(fmt.Errorf("publish: %w", &jetstream.APIError{Code: 409, ErrorCode: code})), "permanent")
	}
	assert.False(t, permanent(errors.New("any other")), "what is not known is permanent")
}
