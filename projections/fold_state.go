package projections

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
)

// foldState is the saved form of a Fold.
type foldState struct {
	Version     int                        `json:"version"`
	Tracker     *trackerState              `json:"tracker"`
	Projections map[string]json.RawMessage `json:"projections"`
	// Rows counts the rows of each projection that were handed out.
	Rows map[string]int `json:"rows"`
}

// ErrState is returned for a saved fold that cannot be restored: it is of another
// [Version], of another run or of other projections, or it is damaged. Fold the stream from
// its start again.
var ErrState = errors.New("projections: the saved state does not fit this fold; fold the stream from its start")

var errBrokenState = fmt.Errorf("%w: it is damaged", ErrState)

// FinalJob has the part of a job with a final row that a restored fold needs.
type FinalJob struct {
	ID string
	// Index is the job's place in order of first mention, from 0.
	Index int
	// Started says that the job had started before it finished: its row has a start.
	Started bool
	// ShCount counts the job's sh: the highest Seq of its rows.
	ShCount int
}

// Kept are rows of a run that a restored fold needs, from where you keep them.
type Kept struct {
	// FinalJobs yields the jobs with final rows, OpenSh the rows of open sh, both in order
	// of index. Restoring returns the first error of either.
	FinalJobs iter.Seq2[FinalJob, error]
	OpenSh    iter.Seq2[Row[ShEvent], error]
}

// OpenBytes estimates the size of the result of Save. It is much faster.
func (f *Fold) OpenBytes() int {
	const each = 64 // bytes for names and numbers
	n := 0
	for job := range f.tracker.Jobs() {
		if !job.Final {
			n += each + len(job.ID)
		}
	}
	f.tracker.EachOpenSh(func(_ *TrackedJob, sh *TrackedSh) { n += each + len(sh.Cmd) })
	return n
}

// Save returns the state of the fold for a program that keeps its rows: it leaves out the jobs
// with final rows and the open sh, so that the state grows only with the open jobs. A new fold of
// the same members to which you pass it with Restore continues like this one; it knows of final
// jobs only the fields of [FinalJob].
func (f *Fold) Save() ([]byte, error) {
	state := foldState{Version: Version, Tracker: f.tracker.save(), Projections: map[string]json.RawMessage{}, Rows: map[string]int{}}
	for _, m := range f.members {
		if m.name() == "" {
			continue
		}
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

// marshal is json.Marshal without escapes for HTML, which take six bytes for one.
func marshal(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// Restore gives a fold that has read nothing the state of another fold, which may have had
// more members, with the rows of the same moment. It returns [ErrState] if they do not fit; do not
// use the fold then.
func (f *Fold) Restore(saved []byte, rows Kept) error {
	state, err := f.fits(saved)
	if err != nil {
		return err
	}
	for _, m := range f.members {
		if m.name() == "" {
			continue
		}
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

// fits decodes a saved fold, and returns an error if it does not fit this one.
func (f *Fold) fits(saved []byte) (*foldState, error) {
	// The version is checked first: the rest may have another form in another version.
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
