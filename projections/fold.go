package projections

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/quire-ci/quire-project/domain"
)

// Version names the rules by which rows are derived. It rises whenever the
// same stream gives other rows than before, so that rows and saved folds of
// different rules are never mixed.
const Version = 1

// Fold runs the events of one run through any number of projections, in one
// pass. It is not safe for concurrent use.
type Fold struct {
	tracker *Tracker
	members []Member
	step    Step // here and not on the stack of Apply, where it would escape
}

// Member is a projection in a [Fold] and what is done with its rows; [Into]
// makes one.
type Member interface {
	name() string
	state() any
	reduce(*Step)
	open(*Tracker)
}

// Into makes a projection a member of a fold. Its rows go to take: the final
// ones as they become so, the open ones at each [Fold.Open]. A row is valid
// until take returns; the strings in it as long as they are held.
func Into[R comparable](p Projection[R], take func(*Row[R])) Member {
	return &member[R]{projection: p, take: take}
}

type member[R comparable] struct {
	projection Projection[R]
	take       func(*Row[R])
	rows       []Row[R] // used again at every step
}

func (m *member[R]) name() string { return m.projection.Name() }
func (m *member[R]) state() any   { return m.projection }

func (m *member[R]) reduce(step *Step) {
	rows := m.projection.Reduce(step, m.rows[:0])
	if len(rows) == 0 {
		return // most steps make nothing final
	}
	m.rows = rows
	for i := range rows {
		m.take(&rows[i])
	}
}

func (m *member[R]) open(run *Tracker) {
	m.rows = m.projection.Open(run, m.rows[:0])
	for i := range m.rows {
		m.take(&m.rows[i])
	}
}

// NewFold returns a fold of the run called run that has read nothing yet.
// Members see each step in the order given.
func NewFold(run domain.RunID, members ...Member) *Fold {
	return &Fold{tracker: NewTracker(run), members: members}
}

// Run returns what is known of the run so far. It belongs to the fold: read
// it, and let go of it before the next Apply.
func (f *Fold) Run() *Tracker { return f.tracker }

// Apply folds one entry. The entry is not kept.
func (f *Fold) Apply(entry *domain.Entry) {
	f.tracker.advance(entry, &f.step)
	for _, m := range f.members {
		m.reduce(&f.step)
	}
}

// Open hands every row that is not final to its member, in the version of
// now. It changes nothing: it can be called after each entry as well as at the
// end of the stream.
func (f *Fold) Open() {
	for _, m := range f.members {
		m.open(f.tracker)
	}
}

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

// foldState is a Fold as it is saved.
type foldState struct {
	Version     int                        `json:"version"`
	Tracker     *Tracker                   `json:"tracker"`
	Projections map[string]json.RawMessage `json:"projections"`
}

// ErrState is returned when a saved fold cannot be restored: it is of another
// [Version], of another run or of other projections, or it is damaged. The stream has to be
// folded from its start again.
var ErrState = errors.New("projections: the saved state does not fit this fold; fold the stream from its start")

var errBrokenState = fmt.Errorf("%w: it is damaged", ErrState)

// Save returns where the fold stands. A fold of the same members that is
// given it by Restore goes on as this one would.
func (f *Fold) Save() ([]byte, error) {
	state := foldState{Version: Version, Tracker: f.tracker, Projections: map[string]json.RawMessage{}}
	for _, m := range f.members {
		data, err := json.Marshal(m.state())
		if err != nil {
			return nil, fmt.Errorf("projections: save %s: %w", m.name(), err)
		}
		if _, twice := state.Projections[m.name()]; twice {
			return nil, fmt.Errorf("projections: save: two members are called %s", m.name())
		}
		state.Projections[m.name()] = data
	}
	return json.Marshal(state)
}

// Restore puts a fold that has read nothing where Save found another one. It
// fails with [ErrState] where the two do not fit; the fold is of no use then.
func (f *Fold) Restore(saved []byte) error {
	// The version comes first: the rest of another one may look different.
	var of struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(saved, &of); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	if of.Version != Version {
		return ErrState
	}
	var state foldState
	if err := json.Unmarshal(saved, &state); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	if len(state.Projections) != len(f.members) {
		return ErrState
	}
	if state.Tracker == nil {
		return errBrokenState
	}
	if state.Tracker.RunID != f.tracker.RunID {
		return ErrState
	}
	for _, m := range f.members {
		data, ok := state.Projections[m.name()]
		if !ok {
			return ErrState
		}
		if err := json.Unmarshal(data, m.state()); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrState, m.name(), err)
		}
	}
	f.tracker = state.Tracker
	return nil
}
