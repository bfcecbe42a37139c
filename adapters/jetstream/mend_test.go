package jetstream

import (
	"os"
	"path/filepath"
	"testing"

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
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(server.Server().StoreDir(), "*", "streams", b.options.Stream, "obs", b.consumer(0))
	found, err := filepath.Glob(folder)
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
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
