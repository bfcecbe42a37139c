package web

import (
	"context"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// hubs has a hub for each run that has viewers.
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

// count returns the number of runs that have viewers.
func (h *hubs) count() float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return float64(len(h.all))
}

// join returns the hub of a run, which works until the last viewer has left. Call the function at
// the end.
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

// hub keeps the rows of a run once for all its viewers, and the latest changes for viewers that
// reconnect. The projectors of this process hand it the rows that they change. If another program
// has changed rows, the hub reads all of them.
type hub struct {
	*hubs
	run     domain.RunID
	viewers int // guarded by hubs.mu
	stop    func()
	woken   chan struct{}
	missed  atomic.Bool // another program may have changed the rows; read them all

	lock    sync.Mutex
	state   state
	drawn   parts         // what the latest viewers got
	recent  []*change     // the latest changes, which follow each other
	bytes   int           // of recent
	pending bool          // viewers have not been notified of the last change
	err     error         // why the rows cannot be read
	news    chan struct{} // closed when rows, changes or err change
	encode  func(*projections.Definition, projections.AnyRow) []byte
}

// encoder returns a function that encodes rows of projections that reports show, and returns nil
// for others. The result is valid until the next call.
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

// state is the rows of a run at one place of its stream.
type state struct {
	origin
	rows    *rows // nil until the rows have been read
	encoded map[*projections.Definition][]string
	slowest projections.Ranking
	// view shares the rows with pages that are made from them; nil if there is none.
	view *view
}

// change has the rows that changed from one place to another.
type change struct {
	from, to place
	// whole tells viewers to drop all rows that they have.
	whole bool
	rows  []string
	// jobs and commands have the indexes of those that changed. tables says that another row of the page has.
	jobs, commands map[int]bool
	tables         bool
}

func newChange(from place) *change {
	return &change{from: from, jobs: map[int]bool{}, commands: map[int]bool{}}
}

// add adds a row.
func (c *change) add(of *projections.Definition, index int, row string) {
	c.rows = append(c.rows, row)
	switch of {
	case projections.Jobs.Definition, projections.JobTimings.Definition:
		c.jobs[index] = true
	case projections.ShEvents.Definition, projections.ShTimings.Definition:
		c.commands[index] = true
	case projections.Runs.Definition, projections.RunTimings.Definition, projections.LabelRows.Definition: // in the summary
	default:
		c.tables = true
	}
}

// maxRecent limits the changes that a hub keeps. The pauses are how long a hub sleeps after it has
// read the rows, and if nothing wakes it.
const (
	maxRecent  = 4 << 20
	minPause   = 20 * time.Millisecond
	pollPause  = time.Second
	endedPause = 10 * time.Second
)

// written receives the rows that a projector has written.
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

// watch notifies viewers of changes until ctx ends. It reads the rows if another program has
// changed them.
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
		// Reading takes at most a fifth of the time, however large the run is.
		sleep(ctx, max(minPause, 4*time.Since(begun)), nil)
		read = !sleep(ctx, pause, h.woken) || err != nil || h.missed.Swap(false)
	}
}

// sleep waits for the pause, the end of ctx, or a signal on woken, and reports whether it was
// woken.
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

// publish notifies all viewers of news.
func (h *hub) publish() {
	close(h.news)
	h.news, h.pending = make(chan struct{}), false
}

// update reads the rows if the store has newer ones.
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
		return nil // apply has changed the rows meanwhile
	}
	c := difference(&h.state, next)
	h.state = *next
	h.keep(c)
	return nil
}

// read reads and encodes all rows of the run.
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

// apply applies the rows that a projector has changed, if they continue the hub's state. It encodes
// them once for all viewers, and reads nothing from the store.
func (h *hub) apply(w *store.WrittenRun) {
	h.lock.Lock()
	defer h.lock.Unlock()
	s := &h.state
	if s.rows == nil || w.Changed == nil || w.Before != s.mark || w.After.Bytes <= s.mark.Bytes {
		h.missed.Store(true)
		return
	}
	if s.view != nil { // a page may still read its rows
		s.rows, s.view = s.rows.clone(), nil
	}
	c := newChange(s.place())
	w.EachRow(h.store.Projections().Reported(), func(of *projections.Definition, row projections.AnyRow) {
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

// put stores a row and adds it to the change, if it differs from the stored one.
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
	c.add(of, row.Index, texts[row.Index])
	h.state.rows.take(of, row)
}

// rank adds a command to the slowest ones if it is among them.
func (s *state) rank(of *projections.Definition, row projections.AnyRow) {
	if of == projections.ShTimings.Definition {
		s.slowest.Add(row.Index, projections.ShTimings.At(row.Value))
	}
}

// keep appends a change to the recent ones, and drops the oldest ones above the limit.
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

// difference returns the change from one state to another: all rows if the stream was rewritten,
// that is if rows are gone or the stream is not longer.
func difference(before, now *state) *change {
	c := newChange(before.place())
	c.to = now.place()
	c.whole = !c.from.some || c.to.offset <= c.from.offset
	for of, rows := range before.encoded {
		c.whole = c.whole || len(rows) > len(now.encoded[of])
	}
	for of, rows := range now.encoded {
		old := before.encoded[of]
		for i, row := range rows {
			if c.whole || i >= len(old) || old[i] != row {
				c.add(of, i, row)
			}
		}
	}
	return c
}

// maxParts limits the jobs and commands that a viewer gets as parts of a page. Pages are compressed, events are not.
const maxParts = 500

// parts are the parts of a page that changed from one place to another, for all viewers at the first one.
type parts struct {
	from, to place
	html     func() string
}

// draw returns the parts of the page that changed, as HTML, or "" if a viewer has to load all of the page.
func (h *hub) draw(from, to place, changes []*change) string {
	h.lock.Lock()
	if h.drawn.from != from || h.drawn.to != to {
		h.drawn = parts{from, to, sync.OnceValue(func() string { return h.render(changes) })}
	}
	html := h.drawn.html
	h.lock.Unlock()
	return html()
}

// render draws the changes once, as the run is now.
func (h *hub) render(changes []*change) string {
	all := newChange(place{})
	for _, c := range changes {
		maps.Copy(all.jobs, c.jobs)
		maps.Copy(all.commands, c.commands)
		all.whole, all.tables = all.whole || c.whole, all.tables || c.tables
	}
	v := h.current(h.run)
	if v == nil || all.whole || len(all.jobs)+len(all.commands) > maxParts {
		return ""
	}
	var html strings.Builder
	if err := templates.ExecuteTemplate(&html, "parts", v.page().only(all)); err != nil {
		h.server.log.Error("a change cannot be drawn", "run", printable.Name(string(h.run)), "error", printable.Name(err.Error()))
		return ""
	}
	return html.String()
}

// current returns the run as its viewers have it, or nil if the store has other rows.
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

// place is the part of a stream that a viewer's rows are derived from: its length, and its digest
// if known. Without some, the viewer has no rows.
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

// is reports whether a viewer at place p is up to date at the place at.
func (p place) is(at place) bool {
	return p.some && p.offset == at.offset && (p.digest == "" || p.digest == at.digest)
}

// since returns the changes that a viewer at p needs, the place that it then has, and a channel
// that is closed when there is more. A viewer without rows, or at an unknown place, gets all rows.
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
