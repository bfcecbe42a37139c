package jetstream

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/adapters/jetstream/natstest"
)

// desk handles the messages of several workers. It records when two workers have messages of one
// partition in flight.
type desk struct {
	t *testing.T

	mu       sync.Mutex
	hands    map[string]map[string]int // partition, worker, messages in hand
	seen     map[string]int            // by UUID
	together int
}

func newDesk(t *testing.T) *desk {
	return &desk{t: t, hands: map[string]map[string]int{}, seen: map[string]int{}}
}

func (d *desk) handle(worker string, messages <-chan *message.Message) {
	for m := range messages {
		go func() {
			partition := m.Metadata["partition"]
			d.count(worker, partition, m.UUID, 1)
			time.Sleep(2 * time.Millisecond)
			d.count(worker, partition, m.UUID, -1)
			m.Ack()
		}()
	}
}

func (d *desk) count(worker, partition, uuid string, by int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hands[partition] == nil {
		d.hands[partition] = map[string]int{}
	}
	hands := d.hands[partition]
	if hands[worker] += by; hands[worker] == 0 {
		delete(hands, worker)
	}
	if len(hands) > 1 {
		d.together++
	}
	if by > 0 {
		d.seen[uuid]++
	}
}

func (d *desk) distinct() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.seen)
}

// flood publishes until you call stop, which returns the number of messages.
func flood(t *testing.T, b *Broker) (stop func() int) {
	quit := make(chan struct{})
	count := make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-quit:
				count <- n
				return
			case <-time.After(5 * time.Millisecond):
			}
			for partition := range b.Partitions() {
				batch := numbered(n, 1)
				batch[0].Metadata["partition"] = fmt.Sprint(partition)
				assert.NoError(t, b.Publisher().Publish(b.Topic(partition), batch...))
				n++
			}
		}
	}()
	return func() int { close(quit); return <-count }
}

// Workers share the partitions evenly, one worker reads each at a time, and all messages are handled,
// even if workers join, leave or die.
func TestSharing(t *testing.T) {
	t.Parallel()
	// A worker that does not run for this long may lose its partitions.
	o := with(func(o *Options) { o.lease = 10 * time.Second })
	server := natstest.New(t)
	desk := newDesk(t)
	var workers []message.Subscriber
	var brokers []*Broker
	join := func() {
		b := openWith(t, server.URL(), o)
		w := b.Subscriber()
		go desk.handle(w.(*worker).id, subscribe(t, w, b.AllTopics()))
		brokers, workers = append(brokers, b), append(workers, w)
	}
	shares := func(want ...int) {
		t.Helper()
		eventually(t, fmt.Sprint("shares ", want), func() bool {
			taken := map[int]bool{}
			for i, w := range workers {
				mine := pins(w)
				if len(mine) != want[i] && len(mine) != want[i]-1 {
					return false
				}
				maps.Copy(taken, mine)
			}
			return len(taken) == brokers[0].Partitions()
		})
	}
	publisher := openWith(t, server.URL(), o)
	stop := flood(t, publisher)
	join()
	shares(8)
	join()
	join()
	shares(3, 3, 3)
	workers[1].Close()
	workers, brokers = append(workers[:1:1], workers[2]), append(brokers[:1:1], brokers[2])
	shares(4, 4)
	join()
	shares(3, 3, 3)
	dead := brokers[1]
	workers, brokers = append(workers[:1:1], workers[2]), append(brokers[:1:1], brokers[2])
	start := time.Now()
	dead.conn.Close() // as if its machine were switched off
	shares(4, 4)
	t.Logf("the partitions of a dead worker were taken over after %v, the lease is %v", time.Since(start), dead.options.lease)
	// Add partitions while the workers run.
	openWith(t, server.URL(), with(func(o *Options) { o.Partitions = 12 }))
	eventually(t, "12 partitions", func() bool { return brokers[0].Partitions() == 12 && publisher.Partitions() == 12 })
	shares(6, 6)
	published := stop()
	eventually(t, "all are handled", func() bool { return desk.distinct() == published })
	assert.LessOrEqual(t, desk.together, 0, "partitions were with two workers at a time")
	more := 0
	for _, n := range desk.seen {
		more += n - 1
	}
	t.Logf("%d messages, %d delivered once more", published, more)
	if more > 2*3*16 { // the messages in flight of the dead worker
		t.Errorf("%d were delivered once more", more)
	}
}

// When a worker leaves, others take its partitions without waiting for the end of the lease.
func TestLeaving(t *testing.T) {
	t.Parallel()
	server := natstest.New(t)
	o := with(func(o *Options) { o.lease = 2 * patience })
	b := openWith(t, server.URL(), o)
	first, second := b.Subscriber(), b.Subscriber()
	subscribe(t, first, b.AllTopics())
	eventually(t, "the first has all", func() bool { return len(reads(first)) == 8 })
	subscribe(t, second, b.AllTopics())
	eventually(t, "the second has its share", func() bool { return len(reads(first)) == 4 && len(reads(second)) == 4 })
	first.Close()
	eventually(t, "the second has all", func() bool { return len(reads(second)) == 8 })
}

func TestMain(m *testing.M) {
	natstest.Main()
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil { // tests mostly wait
		panic(err)
	}
	os.Exit(m.Run())
}
