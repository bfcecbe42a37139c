package jetstream

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// lease is the right to read a partition, as long as it is renewed. It is a key
// that the server removes when it has not been written for some time.
type lease struct {
	w        *worker
	key      string
	revision uint64

	held context.Context // ends before somebody else can have the lease
	lose context.CancelFunc
	done chan struct{} // when nobody renews any more
}

// take takes the lease of a partition if nobody has it. What was written
// without the answer coming back is found again by the worker's name in it. It
// does not end before the answer comes, or could not any more, even if the
// partition is not wanted any longer: a lease that nobody knows that he has keeps
// the others out until it runs out.
func (w *worker) take(partition int) (*lease, error) {
	ctx, cancel := context.WithTimeout(context.Background(), w.b.lease/3)
	defer cancel()
	l := &lease{w: w, key: w.b.key(leaseKey, strconv.Itoa(partition)), done: make(chan struct{})}
	start := time.Now()
	var err error
	l.revision, err = w.b.bucket.Create(ctx, l.key, []byte(w.id))
	if errors.Is(err, jetstream.ErrKeyExists) {
		err = l.renew(ctx)
	}
	if err != nil {
		return nil, err
	}
	l.held, l.lose = context.WithCancel(context.Background())
	go l.keep(start)
	return l, nil
}

// renew writes the key again if it is still the worker's.
func (l *lease) renew(ctx context.Context) error {
	revision, err := l.w.b.bucket.Update(ctx, l.key, []byte(l.w.id), l.revision)
	if err != nil && (l.revision == 0 || errors.Is(err, jetstream.ErrKeyRevisionMismatch)) {
		var entry jetstream.KeyValueEntry
		if entry, err = l.w.b.bucket.Get(ctx, l.key); err != nil {
			return err
		}
		if string(entry.Value()) != l.w.id {
			return errTaken
		}
		revision, err = l.w.b.bucket.Update(ctx, l.key, []byte(l.w.id), entry.Revision())
	}
	if err == nil {
		l.revision = revision
	}
	return err
}

// errTaken says that the lease is somebody else's.
var errTaken = errors.New("another worker has the partition")

// keep renews the lease, which was written at a time, until it is lost. The
// clock starts before the server can have written it, and stops a little before
// the server can remove it.
func (l *lease) keep(written time.Time) {
	defer close(l.done)
	defer l.lose()
	length := l.w.b.lease
	for wait := length / 3; ; {
		until := written.Add(length - length/5)
		wait = min(wait, time.Until(until))
		if sleep(l.held, wait) != nil || !time.Now().Before(until) {
			return
		}
		now := time.Now()
		ctx, cancel := context.WithDeadline(l.held, until)
		err := l.renew(ctx)
		cancel()
		switch {
		case err == nil:
			written, wait = now, length/3
		case errors.Is(err, errTaken):
			return
		default:
			wait = length / 20
		}
	}
}

// release lets others have the partition at once.
func (l *lease) release() {
	lost := l.held.Err() != nil
	l.lose()
	<-l.done
	if lost {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), l.w.b.lease/3)
	defer cancel()
	// Where this fails, the key vanishes by itself.
	_ = l.w.b.bucket.Delete(ctx, l.key, jetstream.LastRevision(l.revision))
}
