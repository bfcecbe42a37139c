package projections

import (
	"errors"
	"io"

	"github.com/quire-ci/quire-project/domain"
)

// Version is the version of the built-in projections. It rises whenever the same stream
// gives other rows, so that rows and saved folds of different versions are never mixed.
const Version = 2

// Fold folds the events of one run with any number of projections in one pass. It is not
// safe for concurrent use.
type Fold struct {
	tracker *Tracker
	members []Member
	reduce  []reducer // of the members
	step    Step      // on the stack of Apply it would escape
}

// Member is a projection in a [Fold] with a function that takes its rows. [Into] makes
// one.
type Member interface {
	name() string
	state() any
	reducer() reducer
	open(*Tracker)
	length() *int
}

// reducer is a function and not a method, because to call a generic type's method through an
// interface takes two calls.
type reducer struct {
	kinds  uint // a bit for each kind of entries that it is called for
	reduce func(*Step)
}

// Into makes a projection a member of a fold. The name has to be unique in the fold, since
// saved states are found by it. take is called with each row: with a final row when it
// becomes final, with open rows at each [Fold.Open]. A row is valid until take returns; its
// strings stay valid. For a declared projection use [Defined.Into].
func Into[R comparable](name string, p Projection[R], take func(*Row[R])) Member {
	return &member[R]{called: name, projection: p, take: take, kinds: allKinds}
}

type member[R comparable] struct {
	called     string
	projection Projection[R]
	kinds      uint
	take       func(*Row[R])
	rows       []Row[R] // used again at every step
	count      int      // of the rows that take got
}

func (m *member[R]) name() string { return m.called }
func (m *member[R]) state() any   { return m.projection }
func (m *member[R]) length() *int { return &m.count }

func (m *member[R]) reducer() reducer {
	return reducer{m.kinds, func(step *Step) {
		rows := m.projection.Reduce(step, m.rows[:0])
		if len(rows) == 0 {
			return // most steps make no row final
		}
		m.rows = rows
		m.hand()
	}}
}

func (m *member[R]) hand() {
	for i := range m.rows {
		m.count = max(m.count, m.rows[i].Index+1)
		m.take(&m.rows[i])
	}
}

func (m *member[R]) open(run *Tracker) {
	m.rows = m.projection.Open(run, m.rows[:0])
	m.hand()
	if cap(m.rows) > maxKeptRows {
		m.rows = nil // do not keep the memory of many rows
	}
}

// gathering is a member whose reducer appends to a list of others, which saves a copy of each row.
type gathering[R comparable] struct {
	member[R]
	into  *rowsOf[R]
	added func(int)
}

func (g *gathering[R]) reducer() reducer {
	return reducer{g.kinds, func(step *Step) {
		list := &g.into.rows
		n := len(*list)
		rows := g.projection.Reduce(step, (*list)[n:n]) // it sees no row of earlier steps
		if len(rows) == 0 {
			return
		}
		for i := range rows {
			g.count = max(g.count, rows[i].Index+1)
		}
		if n < cap(*list) && &rows[0] == &(*list)[:n+1][n] {
			*list = (*list)[:n+len(rows)]
		} else { // there was no room, or it has a list of its own
			*list = append(*list, rows...)
		}
		g.added(len(rows))
	}}
}

func (g *gathering[R]) add(row *Row[R]) {
	g.into.rows = append(g.into.rows, *row)
	g.added(1)
}

// Observe makes functions a member of a fold that hands out no rows and has no state to save: step,
// unless it is nil, is called with each step, and open with the run at each [Fold.Open].
func Observe(step func(*Step), open func(*Tracker)) Member {
	if step == nil {
		return &observer{atOpen: open}
	}
	return &observer{reducer{allKinds, step}, open, 0}
}

type observer struct {
	step   reducer
	atOpen func(*Tracker)
	rows   int
}

func (o *observer) name() string     { return "" }
func (o *observer) state() any       { return nil }
func (o *observer) reducer() reducer { return o.step }
func (o *observer) length() *int     { return &o.rows }

func (o *observer) open(run *Tracker) {
	if o.atOpen != nil {
		o.atOpen(run)
	}
}

// allKinds has a bit for each kind, and one for lines that hold no event.
const allKinds = ^uint(0)

// bitsOf returns a bit for each of some kinds; nil means all.
func bitsOf(kinds []domain.Kind) (bits uint) {
	if kinds == nil {
		return allKinds
	}
	for _, kind := range kinds {
		bits |= 1 << kind
	}
	return bits
}

// maxKeptRows is the number of rows whose memory a member keeps, to use it again.
const maxKeptRows = 1024

// NewFold returns a fold of the run with the id run that has read nothing. Each step goes to
// the members in the given order.
func NewFold(run domain.RunID, members ...Member) *Fold {
	f := &Fold{tracker: NewTracker(run), members: members}
	for _, m := range members {
		f.reduce = append(f.reduce, m.reducer())
	}
	return f
}

// Run returns the tracker of the run. It belongs to the fold: read it, and do not use it
// after the next Apply.
func (f *Fold) Run() *Tracker { return f.tracker }

// Len returns how many different rows the i-th member has handed out. After [Fold.Open],
// these are all of its rows.
func (f *Fold) Len(i int) int { return *f.members[i].length() }

// Apply folds one entry. It does not keep the entry.
func (f *Fold) Apply(entry *domain.Entry) {
	f.tracker.advance(entry, &f.step)
	for _, r := range f.reduce {
		if r.kinds&(1<<entry.Kind) != 0 {
			r.reduce(&f.step)
		}
	}
}

// Detach copies the strings that the fold still holds, so that it no longer keeps
// the reader's buffer alive. Call it before a fold waits for more entries.
func (f *Fold) Detach() { f.tracker.open.detach() }

// Open hands every open row to its member, in its current version. It changes nothing: you
// can call it after any entry, and at the end of the stream.
func (f *Fold) Open() {
	for _, m := range f.members {
		m.open(f.tracker)
	}
}

// OpenParts is Open for a store. It hands over the open rows in parts, each of at most size
// jobs and size sh, and calls next after each part. It leaves out rows that have not
// changed since [Fold.Mark]. A projection whose Open asks for neither the jobs nor the open
// sh hands over all its rows with the first part. OpenParts returns the first error of next.
func (f *Fold) OpenParts(size int, next func() error) error {
	jobs, sh := f.tracker.changed()
	defer func() { f.tracker.part = nil }()
	members := f.members
	for first := true; first || len(jobs)+len(sh) > 0; first = false {
		j, s := min(len(jobs), size), min(len(sh), size)
		f.tracker.part = &part{jobs: jobs[:j], sh: sh[:s]}
		jobs, sh = jobs[j:], sh[s:]
		members = f.openPart(members)
		if err := next(); err != nil {
			return err
		}
	}
	return nil
}

// openPart hands over a part of the open rows, and returns the members that have asked for
// the part: only these have more rows.
func (f *Fold) openPart(members []Member) (more []Member) {
	for _, m := range members {
		f.tracker.part.asked = false
		m.open(f.tracker)
		if f.tracker.part.asked {
			more = append(more, m)
		}
	}
	return more
}

// Mark makes [Fold.OpenParts] leave out the rows that no later step changes.
func (f *Fold) Mark() { f.tracker.mark() }

// Drain folds the rest of stream. It does not hand out the rows that are open at the end:
// call [Fold.Open] for them.
func (f *Fold) Drain(stream Stream) error {
	for {
		entries, err := stream.Next()
		for i := range entries {
			f.Apply(&entries[i])
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
