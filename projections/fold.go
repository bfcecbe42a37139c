package projections

import (
	"errors"
	"io"

	"github.com/quire-ci/quire-project/domain"
)

// Version names the rules by which rows are derived. It rises whenever the
// same stream gives other rows than before, so that rows and saved folds of
// different rules are never mixed.
const Version = 2

// Fold runs the events of one run through any number of projections, in one
// pass. It is not safe for concurrent use.
type Fold struct {
	tracker *Tracker
	members []Member
	reduce  []func(*Step) // of the members
	step    Step          // here and not on the stack of Apply, where it would escape
}

// Member is a projection in a [Fold] and what is done with its rows; [Into]
// makes one.
type Member interface {
	name() string
	state() any
	// reducer returns a function, because a call of a generic type's method through an
	// interface would be two calls.
	reducer() func(*Step)
	open(*Tracker)
	length() *int
}

// Into makes a projection a member of a fold, in which no other has its name: a saved fold
// has the state under it. The rows go to take: the final ones as they become so, the open
// ones at each [Fold.Open]. A row is valid until take returns; the strings in it as long as
// they are held. A projection that is declared has its name from there, see [Defined.Into].
func Into[R comparable](name string, p Projection[R], take func(*Row[R])) Member {
	return &member[R]{called: name, projection: p, take: take}
}

type member[R comparable] struct {
	called     string
	projection Projection[R]
	take       func(*Row[R])
	rows       []Row[R] // used again at every step
	count      int      // of the rows that were handed out
}

func (m *member[R]) name() string { return m.called }
func (m *member[R]) state() any   { return m.projection }
func (m *member[R]) length() *int { return &m.count }

func (m *member[R]) reducer() func(*Step) {
	return func(step *Step) {
		rows := m.projection.Reduce(step, m.rows[:0])
		if len(rows) == 0 {
			return // most steps make nothing final
		}
		m.rows = rows
		m.hand()
	}
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
		m.rows = nil // memory follows what is open, not what has been listed
	}
}

// maxKeptRows is how many rows a member keeps the memory of, to use it again.
const maxKeptRows = 1024

// NewFold returns a fold of the run called run that has read nothing yet.
// Members see each step in the order given.
func NewFold(run domain.RunID, members ...Member) *Fold {
	f := &Fold{tracker: NewTracker(run), members: members}
	for _, m := range members {
		f.reduce = append(f.reduce, m.reducer())
	}
	return f
}

// Run returns what is known of the run so far. It belongs to the fold: read
// it, and let go of it before the next Apply.
func (f *Fold) Run() *Tracker { return f.tracker }

// Len returns how many rows the i-th member has handed out, each counted once; after
// [Fold.Open], that is how many it has.
func (f *Fold) Len(i int) int { return *f.members[i].length() }

// Apply folds one entry. The entry is not kept.
func (f *Fold) Apply(entry *domain.Entry) {
	f.tracker.advance(entry, &f.step)
	for _, reduce := range f.reduce {
		reduce(&f.step)
	}
}

// Detach copies the strings that the fold still holds, so that it no longer keeps
// the reader's buffer alive. Call it before a fold waits for more entries.
func (f *Fold) Detach() { f.tracker.open.detach() }

// Open hands every row that is not final to its member, in the version of
// now. It changes nothing: it can be called after each entry as well as at the
// end of the stream.
func (f *Fold) Open() {
	for _, m := range f.members {
		m.open(f.tracker)
	}
}

// OpenParts is Open for whoever stores rows: it hands over a part of the open rows
// at a time, that of at most size jobs and size sh, calls next after each, and leaves out
// what has not changed since [Fold.Mark]. A projection whose Open asks for neither the jobs nor the open sh hands over
// all its rows with the first part. An error of next ends it.
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

// openPart hands over a part of the open rows, and returns the members that have more:
// those that have asked for the part.
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

// Mark has [Fold.OpenParts] leave out the rows that no step changes from now on.
func (f *Fold) Mark() { f.tracker.mark() }

// Drain folds all that is left of stream. Rows that are open at its end have
// not been handed out yet; call [Fold.Open] for them.
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
