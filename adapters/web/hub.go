package web

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// hubs has a hub for each run that somebody views.
type hubs struct {
	server *Server
	store  store.Store
	ctx    context.Context
	close  func()

	mu  sync.Mutex
	all map[domain.RunID]*hub
}

func newHubs(s *Server) *hubs {
	h := &hubs{server: s, store: s.store, all: map[domain.RunID]*hub{}}
	h.ctx, h.close = context.WithCancel(context.Background())
	return h
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
		joined = &hub{hubs: h, run: run, woken: make(chan struct{}, 1), news: make(chan struct{}), encode: h.encoder(run)}
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

// hub has the rows of a run, once for all viewers, and the latest changes for those who come back. It gets
// the changed rows from the projectors of this process, and reads all rows when another program has
// changed them.
type hub struct {
	*hubs
	run     domain.RunID
	viewers int // guarded by hubs.mu
	stop    func()
	woken   chan struct{}
	missed  atomic.Bool // another program may have changed the rows: read all of them

	lock    sync.Mutex
	state   state
	recent  []*change     // the first one follows what has been forgotten
	bytes   int           // of recent
	pending bool          // viewers do not have the last change yet
	err     error         // why the rows cannot be read
	news    chan struct{} // closed when any of this changes
	encode  func(*projections.Definition, projections.AnyRow) []byte
}

// encoder returns a function that encodes rows of reports; nil for others. What it returns is valid until the
// next call.
func (h *hubs) encoder(run domain.RunID) func(*projections.Definition, projections.AnyRow) []byte {
	encoders := map[*projections.Definition]*report.RowEncoder{}
	for _, d := range h.store.Projections().Reported() {
		encoders[d] = report.NewRowEncoder(d, run)
	}
	var buffer []byte
	return func(of *projections.Definition, row projections.AnyRow) []byte {
		if encoders[of] == nil {
			return nil
		}
		buffer = encoders[of].Append(buffer[:0], row)
		return buffer
	}
}

// state is what a viewer who comes gets.
type state struct {
	origin
	rows    *rows // nil until they have been read
	encoded map[*projections.Definition][]string
	slowest projections.Ranking
	// view has the rows while a page may be made of them; nil otherwise.
	view *view
}

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

// written takes what a projector has written.
func (h *hubs) written(w *store.WrittenRun) {
	h.mu.Lock()
	hub := h.all[w.RunID]
	h.mu.Unlock()
	if hub == nil {
		return
	}
	hub.apply(w)
	select {
	case hub.woken <- struct{}{}:
	default:
	}
}

// watch tells the viewers what has changed, and reads the rows if others have changed them, until ctx ends.
func (h *hub) watch(ctx context.Context) {
	for read := true; ctx.Err() == nil; {
		begun := time.Now()
		var err error
		if read {
			err = h.update(ctx)
		}
		h.lock.Lock()
		h.err = err
		pause := pollPause
		if err == nil && h.state.rows.Run.Ended {
			pause = endedPause
		}
		if h.pending || err != nil {
			h.publish()
		}
		h.lock.Unlock()
		// Reading takes a fifth of the time at most, however large the run is.
		sleep(ctx, max(minPause, 4*time.Since(begun)), nil)
		read = !sleep(ctx, pause, h.woken) || err != nil || h.missed.Swap(false)
	}
}

// sleep waits for some time, for the end of ctx, or to be woken, and reports the latter.
func sleep(ctx context.Context, pause time.Duration, woken <-chan struct{}) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-woken:
		return true
	}
	return false
}

// publish tells all viewers that there is something new.
func (h *hub) publish() {
	close(h.news)
	h.news, h.pending = make(chan struct{}), false
}

// update reads the rows, if the store has others than before.
func (h *hub) update(ctx context.Context) error {
	checkpoints, err := h.store.Checkpoints(ctx, []domain.RunID{h.run})
	if err != nil {
		return err
	}
	h.lock.Lock()
	known, have := h.state.mark, h.state.rows != nil
	h.lock.Unlock()
	if at, ok := checkpoints[h.run]; have && ok && at.End == known {
		return nil
	}
	next, err := h.read(ctx)
	if err != nil {
		return err
	}
	h.lock.Lock()
	defer h.lock.Unlock()
	if h.state.mark != known {
		return nil // the rows were applied meanwhile
	}
	c := difference(&h.state, next)
	h.state = *next
	h.keep(c)
	return nil
}

// read reads all rows of the run, and encodes them.
func (h *hub) read(ctx context.Context) (*state, error) {
	next := &state{encoded: map[*projections.Definition][]string{}}
	encode := h.encoder(h.run)
	view, err := h.server.read(ctx, h.run, func(of *projections.Definition, row projections.AnyRow) {
		next.encoded[of] = append(next.encoded[of], string(encode(of, row)))
		next.rank(of, row)
	})
	next.rows, next.origin, next.view = view.rows, view.origin, view
	return next, err
}

// apply applies what a projector has changed, if it begins where the hub is. The rows are encoded once for all viewers, and
// none is read.
func (h *hub) apply(w *store.WrittenRun) {
	h.lock.Lock()
	defer h.lock.Unlock()
	s := &h.state
	if s.rows == nil || w.Changed == nil || w.Before != s.mark || w.After.Bytes <= s.mark.Bytes {
		h.missed.Store(true)
		return
	}
	if s.view != nil { // somebody may read its rows
		s.rows, s.view = s.rows.clone(), nil
	}
	c := &change{from: s.place()}
	w.EachRow(func(of *projections.Definition, row projections.AnyRow) {
		h.put(c, of, row)
		s.rank(of, row)
	})
	slowest := projections.Slowest.List(s.slowest.Rows()...)
	for i := range slowest.Len() {
		h.put(c, projections.Slowest.Definition, slowest.At(i))
	}
	s.mark = w.After
	c.to = s.place()
	h.keep(c)
}

// put stores a row, if it has changed.
func (h *hub) put(c *change, of *projections.Definition, row projections.AnyRow) {
	text, texts := h.encode(of, row), h.state.encoded[of]
	if text == nil {
		return
	}
	for len(texts) <= row.Index {
		texts = append(texts, "")
	}
	h.state.encoded[of] = texts
	if texts[row.Index] == string(text) {
		return
	}
	texts[row.Index] = string(text)
	c.rows = append(c.rows, texts[row.Index])
	h.state.rows.take(of, row)
}

// rank ranks a command among the slowest.
func (s *state) rank(of *projections.Definition, row projections.AnyRow) {
	if of == projections.ShTimings.Definition {
		s.slowest.Add(row.Index, projections.ShTimings.At(row.Value))
	}
}

// keep adds a change to the latest ones, and forgets the oldest if there are too many.
func (h *hub) keep(c *change) {
	if h.pending = true; c.whole {
		h.recent, h.bytes = nil, 0
	}
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
	for of, rows := range before.encoded {
		c.whole = c.whole || len(rows) > len(now.encoded[of])
	}
	for of, rows := range now.encoded {
		old := before.encoded[of]
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
	s := &hub.state
	if hub.err != nil || s.rows == nil {
		return nil
	}
	if s.view == nil {
		s.view = h.server.newView(s.rows, s.origin)
	}
	return s.view
}

// place is what a viewer has: the rows at an offset, if it has some, of the part of the stream with a
// digest, if that is known.
type place struct {
	offset int64
	some   bool
	digest string
}

func (s *state) place() place {
	if s.rows == nil {
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
	if h.state.rows == nil {
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
