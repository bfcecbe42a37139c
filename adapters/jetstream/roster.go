package jetstream

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// roster are the workers that have given a sign of life.
type roster struct {
	lease   time.Duration
	workers map[string]sign
}

type sign struct {
	candidate
	at time.Time // by this process's clock: no two need agree
}

// see takes in the key of a worker that was written or deleted.
func (r *roster) see(id string, entry jetstream.KeyValueEntry, now time.Time) {
	s := sign{at: now}
	if entry.Operation() != jetstream.KeyValuePut || json.Unmarshal(entry.Value(), &s.candidate) != nil {
		delete(r.workers, id)
		return
	}
	s.id = id
	r.workers[id] = s
}

// alive are the workers that are there.
func (r *roster) alive(now time.Time) []candidate {
	var alive []candidate
	for id, s := range r.workers {
		if now.Sub(s.at) > r.lease {
			delete(r.workers, id)
			continue
		}
		alive = append(alive, s.candidate)
	}
	slices.SortFunc(alive, func(a, b candidate) int { return strings.Compare(a.id, b.id) })
	return alive
}

// follow follows who comes and goes, and what that means for this worker. The
// worker's own signs of life come back to it: when they do not, it sees nothing any
// more, and begins again.
func (w *worker) follow() {
	trouble := trouble{log: w.b.options.Logger.With("worker", w.id), what: "the worker does not see the others"}
	for w.open.Err() == nil {
		if err := w.watch(&trouble); err != nil && w.open.Err() == nil {
			trouble.note(err)
			_ = sleep(w.open, w.b.lease/10)
		}
	}
}

// watch follows until the worker is closed or does not see itself.
func (w *worker) watch(trouble *trouble) error {
	ctx, cancel := context.WithCancel(w.open)
	defer cancel()
	watcher, err := w.b.bucket.WatchFiltered(ctx, []string{w.b.key(workerKey, "*"), w.b.key(leaseKey, "*")})
	if err != nil {
		return err
	}
	defer func() {
		_ = watcher.Stop()
		go func() {
			for range watcher.Updates() { // it may stand there with one more
			}
		}()
	}()
	r := roster{lease: w.b.lease, workers: map[string]sign{}}
	var plan plan
	tick := time.NewTicker(w.b.lease / 10)
	defer tick.Stop()
	known := false // all that was there at the beginning
	own := time.Now()
	settled := own // when those who are there had time to say so
	for {
		select {
		case <-w.open.Done():
			return nil
		case <-w.look:
		case <-tick.C:
		case entry, ok := <-watcher.Updates():
			switch {
			case !ok:
				return errBlind
			case entry == nil:
				known = true
			default:
				id, isWorker := w.b.keyOf(workerKey, entry.Key())
				if !isWorker {
					w.noteLease(entry)
					continue // nobody has come or gone
				}
				// What was seen before comes once more when watching begins anew.
				if r.see(id, entry, time.Now()); id == w.id && entry.Revision() != w.seen {
					w.seen = entry.Revision()
					if time.Since(own) > w.b.lease { // after an outage
						settled = time.Now().Add(w.b.lease / 2)
					}
					own = time.Now()
					trouble.note(nil)
				}
			}
		}
		if time.Since(own) > 2*w.b.lease {
			return errBlind
		}
		if known && !time.Now().Before(settled) {
			w.reconcile(plan.update(w.b.Partitions(), r.alive(time.Now())))
		}
	}
}

// noteLease wakes the tenure that waits for a lease when it is given back.
func (w *worker) noteLease(entry jetstream.KeyValueEntry) {
	number, _ := w.b.keyOf(leaseKey, entry.Key())
	partition, err := strconv.Atoi(number)
	if err == nil && entry.Operation() != jetstream.KeyValuePut {
		w.leaseIsFree(partition)
	}
}
