package web

import (
	"context"
	"encoding/hex"
	"sync"
	"time"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// hubs has a hub for each run that somebody views.
type hubs struct {
	read  func(context.Context, domain.RunID, ...func(*projections.Definition, projections.AnyRow)) (*view, error)
	store store.Store
	ctx   context.Context
	close func()

	mu  sync.Mutex
	all map[domain.RunID]*hub
}

func newHubs(s *Server) *hubs {
	h := &hubs{read: s.read, store: s.store, all: map[domain.RunID]*hub{}}
	h.ctx, h.close = context.WithCancel(context.Background())
	return h
}

// changed wakes the hub of a run, if it has one.
func (h *hubs) changed(run domain.RunID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if hub := h.all[run]; hub != nil {
		hub.wake()
	}
}

// count returns how many runs somebody views.
func (h *hubs) count() float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return float64(len(h.all))
}

// join returns the hub of a run, which works until the last viewer has left.
func (h *hubs) join(run domain.RunID) (*hub, func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	joined := h.all[run]
	if joined == nil {
		joined = &hub{hubs: h, run: run, woken: make(chan struct{}, 1), news: make(chan struct{})}
		h.all[run] = joined
		ctx, stop := context.WithCancel(h.ctx)
		joined.stop = stop
		go joined.watch(ctx)
	}
	joined.viewers++
	return joined, sync.OnceFunc(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if joined.viewers--; joined.viewers == 0 {
			joined.stop()
			delete(h.all, run)
		}
	})
}

// hub reads the rows of a run when they have changed, once for all viewers, and keeps the
// latest changes for those who come back.
type hub struct {
	*hubs
	run     domain.RunID
	viewers int // guarded by hubs.mu
	stop    func()
	woken   chan struct{}

	lock   sync.Mutex
	state  state
	recent []*change     // the first one follows what has been forgotten
	bytes  int           // of recent
	err    error         // why the rows cannot be read
	news   chan struct{} // closed when any of this changes
}

// state is what a viewer who comes gets.
type state struct {
	*view                                      // nil until the rows have been read
	rows  map[*projections.Definition][]string // as JSON
}

// digest tells the part of the stream that the rows are of from another one of the same length.
func (v *view) digest() string { return hex.EncodeToString(v.mark.SHA256[:8]) }

// change is what changed of a run's rows from one place to another.
type change struct {
	from, to place
	// whole says that a viewer has to forget what there was before.
	whole bool
	rows  []string
}

// How much of the latest changes is kept, and how long a hub sleeps: after it has read the rows, and
// if nobody wakes it.
const (
	maxRecent  = 4 << 20
	minPause   = 20 * time.Millisecond
	pollPause  = time.Second
	endedPause = 10 * time.Second
)

func (h *hub) wake() {
	select {
	case h.woken <- struct{}{}:
	default:
	}
}

// watch reads the rows whenever they change, until ctx ends.
func (h *hub) watch(ctx context.Context) {
	for ctx.Err() == nil {
		begun := time.Now()
		err := h.update(ctx)
		h.lock.Lock()
		h.err = err
		pause := pollPause
		if err == nil && h.state.Run.Ended {
			pause = endedPause
		}
		if err != nil {
			h.publish()
		}
		h.lock.Unlock()
		// Reading takes a fifth of the time at most, however large the run is.
		sleep(ctx, max(minPause, 4*time.Since(begun)), nil)
		sleep(ctx, pause, h.woken)
	}
}

// sleep waits for some time, for the end of ctx, or to be woken.
func sleep(ctx context.Context, pause time.Duration, woken <-chan struct{}) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-woken:
	}
}

// publish tells all viewers that there is something new.
func (h *hub) publish() {
	close(h.news)
	h.news = make(chan struct{})
}

// update reads the rows, if the store has others than before.
func (h *hub) update(ctx context.Context) error {
	checkpoints, err := h.store.Checkpoints(ctx, []domain.RunID{h.run})
	if err != nil {
		return err
	}
	at, ok := checkpoints[h.run]
	if h.state.view != nil && ok && at.End == h.state.mark { // only this goroutine changes the state
		return nil
	}
	next, err := h.encoded(ctx)
	if err != nil {
		return err
	}
	h.lock.Lock()
	defer h.lock.Unlock()
	c := difference(&h.state, next)
	h.state = *next
	if c.whole {
		h.recent, h.bytes = nil, 0
	}
	h.keep(c)
	h.publish()
	return nil
}

// encoded reads all rows of the run, and encodes them.
func (h *hub) encoded(ctx context.Context) (*state, error) {
	next := &state{rows: map[*projections.Definition][]string{}}
	encoders := map[*projections.Definition]*report.RowEncoder{}
	for _, d := range h.store.Projections().Reported() {
		encoders[d] = report.NewRowEncoder(d, h.run)
	}
	var buffer []byte
	view, err := h.read(ctx, h.run, func(of *projections.Definition, row projections.AnyRow) {
		buffer = encoders[of].Append(buffer[:0], row)
		next.rows[of] = append(next.rows[of], string(buffer))
	})
	next.view = view
	return next, err
}

// keep adds a change to the latest ones, and forgets the oldest if there are too many.
func (h *hub) keep(c *change) {
	h.recent = append(h.recent, c)
	h.bytes += c.size()
	for h.bytes > maxRecent {
		h.bytes -= h.recent[0].size()
		h.recent = h.recent[1:]
	}
}

func (c *change) size() (size int) {
	for _, row := range c.rows {
		size += len(row)
	}
	return size + 100
}

// difference returns what changed between two states. If the stream was rewritten, because rows are
// gone or it has not become longer, that is everything.
func difference(before, now *state) *change {
	c := &change{from: before.place(), to: now.place()}
	c.whole = !c.from.some || c.to.offset <= c.from.offset
	for of, rows := range before.rows {
		c.whole = c.whole || len(rows) > len(now.rows[of])
	}
	for of, rows := range now.rows {
		old := before.rows[of]
		for i, row := range rows {
			if c.whole || i >= len(old) || old[i] != row {
				c.rows = append(c.rows, row)
			}
		}
	}
	return c
}

// current returns the run as viewers have it, or nil if that is not what the store has.
func (h *hubs) current(run domain.RunID) *view {
	h.mu.Lock()
	hub := h.all[run]
	h.mu.Unlock()
	if hub == nil {
		return nil
	}
	hub.lock.Lock()
	defer hub.lock.Unlock()
	if hub.err != nil {
		return nil
	}
	return hub.state.view
}

// place is what a viewer has: the rows at an offset, if it has some, of the part of the stream with a
// digest, if that is known.
type place struct {
	offset int64
	some   bool
	digest string
}

func (s *state) place() place {
	if s.view == nil {
		return place{}
	}
	return place{s.mark.Bytes, true, s.digest()}
}

// is reports whether a viewer has what there is at a place.
func (p place) is(at place) bool {
	return p.some && p.offset == at.offset && (p.digest == "" || p.digest == at.digest)
}

// since returns what a viewer has to get, the place where it is then, and a channel that is closed
// when there is more. A viewer who has nothing, or what is not known any more, gets all rows.
func (h *hub) since(p place) (changes []*change, now place, news <-chan struct{}, err error) {
	h.lock.Lock()
	defer h.lock.Unlock()
	if h.state.view == nil {
		return nil, p, h.news, h.err
	}
	now = h.state.place()
	if p.is(now) {
		return nil, now, h.news, h.err
	}
	for i, c := range h.recent {
		if !c.whole && p.is(c.from) {
			return h.recent[i:len(h.recent):len(h.recent)], now, h.news, h.err
		}
	}
	return []*change{difference(&state{}, &h.state)}, now, h.news, h.err
}
