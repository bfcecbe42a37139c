package jetstream

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// heartbeat is the message that a worker sends to the others of its group.
type heartbeat struct {
	candidate
	Left bool `json:"left,omitempty"`
}

// members are the workers of a group that have sent a heartbeat, by their ids.
type members struct {
	lease time.Duration
	seen  map[string]member
}

type member struct {
	candidate
	at time.Time // by this process's clock, so that clocks need not agree
}

// see records a heartbeat, and reports whether its worker was unknown.
func (m *members) see(h heartbeat, now time.Time) (joined bool) {
	_, known := m.seen[h.ID]
	if h.Left {
		delete(m.seen, h.ID)
		return false
	}
	m.seen[h.ID] = member{h.candidate, now}
	return !known
}

// alive returns the workers whose latest heartbeat is not too old.
func (m *members) alive(now time.Time) []candidate {
	var alive []candidate
	for id, member := range m.seen {
		if now.Sub(member.at) > m.lease {
			delete(m.seen, id)
			continue
		}
		alive = append(alive, member.candidate)
	}
	slices.SortFunc(alive, func(a, b candidate) int { return strings.Compare(a.ID, b.ID) })
	return alive
}

// heartbeats returns the subject for the heartbeats of the group. It has one token more than the
// stream's subjects, so that the stream does not store heartbeats.
func (b *Broker) heartbeats() string {
	return b.options.Stream + ".workers." + cmp.Or(b.options.Group, "-")
}

// assignDelay is how long a worker waits for the others' heartbeats before it computes the assignment. If a
// heartbeat arrives later, the server's pins still prevent two workers from reading one partition.
const assignDelay = 100 * time.Millisecond

// errNoHeartbeat reports that a worker does not receive its own heartbeats.
var errNoHeartbeat = errors.New("the worker's own heartbeats do not come back; the connection is lost, or the account may not publish and subscribe to them")

// join keeps the worker a member of the group until the worker is closed. It sends heartbeats,
// receives those of all workers including its own, and reconciles the worker's assignments with them.
func (w *worker) join() {
	b, lease := w.b, w.b.options.lease
	log := b.options.Logger.With("worker", w.id)
	received := make(chan *nats.Msg, 256)
	inbox, err := b.conn.ChanSubscribe(b.heartbeats(), received)
	if err != nil { // the connection is closed
		log.Warn("the worker cannot join the others", "error", err)
		return
	}
	defer func() {
		_ = inbox.Unsubscribe()
		_ = w.send(true) // without it, the others notice when the lease expires
	}()
	tick := time.NewTicker(min(lease/10, assignDelay))
	defer tick.Stop()
	trouble := trouble{log: log, what: "the worker does not see the others"}
	members := members{lease: lease, seen: map[string]member{}}
	var plan plan
	var sent, own, assignFrom time.Time
	for start := time.Now(); ; {
		if time.Since(sent) >= lease/3 && w.send(false) == nil {
			sent = time.Now()
		}
		select {
		case <-w.open.Done():
			return
		case <-w.changed:
			sent = time.Time{}
		case <-tick.C:
		case raw := <-received:
			var h heartbeat
			if json.Unmarshal(raw.Data, &h) != nil {
				continue
			}
			now := time.Now()
			switch joined := members.see(h, now); {
			case h.ID != w.id && joined:
				sent = time.Time{} // the new worker does not know this one either
			case h.ID == w.id:
				if now.Sub(own) > lease { // at the start, and after an outage
					assignFrom = now.Add(assignDelay)
				}
				own = now
				trouble.note(nil)
			}
		}
		now := time.Now()
		if now.Sub(own) > 2*lease && now.Sub(start) > 2*lease {
			trouble.note(errNoHeartbeat)
		}
		if !assignFrom.IsZero() && now.After(assignFrom) {
			w.reconcile(plan.update(b.Partitions(), members.alive(now)))
		}
	}
}

// send sends a heartbeat, or the message that the worker leaves.
func (w *worker) send(left bool) error {
	data, err := json.Marshal(heartbeat{w.candidate(), left})
	if err != nil {
		return err
	}
	return w.b.conn.Publish(w.b.heartbeats(), data)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
