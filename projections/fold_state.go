package projections

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
)

// foldState is a Fold as it is saved.
type foldState struct {
	Version     int                        `json:"version"`
	Tracker     *trackerState              `json:"tracker"`
	Projections map[string]json.RawMessage `json:"projections"`
	// Rows counts the rows of each projection that were handed out.
	Rows map[string]int `json:"rows"`
}

// ErrState is returned when a saved fold cannot be restored: it is of another
// [Version], of another run or of other projections, or it is damaged. The stream has to be
// folded from its start again.
var ErrState = errors.New("projections: the saved state does not fit this fold; fold the stream from its start")

var errBrokenState = fmt.Errorf("%w: it is damaged", ErrState)

// FinalJob is what a fold that goes on has to know of a job whose row is final.
type FinalJob struct {
	ID string
	// Index is the job's place in order of first mention, from 0.
	Index int
	// Started says that the job had started when it finished: its row has a start.
	Started bool
	// ShCount counts the job's sh: the highest Seq of its rows.
	ShCount int
}

// Save returns where the fold stands. A fold of the same members that is
// given it by Restore goes on as this one would.
func (f *Fold) Save() ([]byte, error) { return f.save(true) }

// Kept are rows of a run that a fold which goes on finds where they were kept.
type Kept struct {
	// FinalJobs yields the jobs whose rows are final, OpenSh the rows of the sh that
	// are open, each in order of index. An error ends the restoring, as it is.
	FinalJobs iter.Seq2[FinalJob, error]
	OpenSh    iter.Seq2[Row[ShEvent], error]
}

// SaveOpen is Save for whoever keeps the rows: it leaves out the jobs whose rows are
// final, and the sh that are open, and so grows with the open jobs only. A fold
// restored from it knows of the final jobs no more than a [FinalJob] says.
func (f *Fold) SaveOpen() ([]byte, error) { return f.save(false) }

// OpenBytes is about how much SaveOpen saves, and little to find out.
func (f *Fold) OpenBytes() int {
	const each = 64 // for names and numbers
	n := 0
	for job := range f.tracker.Jobs() {
		if !job.Final {
			n += each + len(job.ID)
		}
	}
	f.tracker.EachOpenSh(func(_ *TrackedJob, sh *TrackedSh) { n += each + len(sh.Cmd) })
	return n
}

func (f *Fold) save(final bool) ([]byte, error) {
	state := foldState{Version: Version, Tracker: f.tracker.save(final), Projections: map[string]json.RawMessage{}, Rows: map[string]int{}}
	for _, m := range f.members {
		data, err := marshal(m.state())
		if err != nil {
			return nil, fmt.Errorf("projections: save %s: %w", m.name(), err)
		}
		if _, twice := state.Projections[m.name()]; twice {
			return nil, fmt.Errorf("projections: save: two members are called %s", m.name())
		}
		state.Projections[m.name()], state.Rows[m.name()] = data, *m.length()
	}
	return marshal(state)
}

// marshal is json.Marshal without escapes for HTML, which would make six bytes of one.
func marshal(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// Restore puts a fold that has read nothing where Save found another one, which may have
// had more members. It fails with [ErrState] where the two do not fit; the fold is of no
// use then.
func (f *Fold) Restore(saved []byte) error {
	return f.RestoreOpen(saved, Kept{})
}

// RestoreOpen is Restore for what SaveOpen has saved, with the rows of that moment.
func (f *Fold) RestoreOpen(saved []byte, rows Kept) error {
	state, err := f.fits(saved)
	if err != nil {
		return err
	}
	for _, m := range f.members {
		data, ok := state.Projections[m.name()]
		if !ok {
			return ErrState
		}
		if err := json.Unmarshal(data, m.state()); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrState, m.name(), err)
		}
		*m.length() = state.Rows[m.name()]
	}
	tracker, err := state.Tracker.restore(rows)
	if err != nil {
		return err
	}
	f.tracker = tracker
	return nil
}

// fits decodes a saved fold, and sees whether it is one of this kind.
func (f *Fold) fits(saved []byte) (*foldState, error) {
	// The version comes first: the rest of another one may look different.
	var of struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(saved, &of); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	if of.Version != Version {
		return nil, ErrState
	}
	state := &foldState{}
	if err := json.Unmarshal(saved, state); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	switch {
	case state.Tracker == nil:
		return nil, errBrokenState
	case state.Tracker.RunID != f.tracker.RunID:
		return nil, ErrState
	}
	return state, nil
}
