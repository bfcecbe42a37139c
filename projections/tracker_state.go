package projections

import (
	"iter"

	"github.com/quire-ci/quire-project/domain"
)

// trackerState is the saved form of a Tracker, without what can be read from rows: final jobs and
// open commands.
type trackerState struct {
	RunID     domain.RunID      `json:"run_id"`
	Events    int64             `json:"events"`
	FirstAtMs int64             `json:"first_at_ms"`
	LastAtMs  int64             `json:"last_at_ms"`
	Started   bool              `json:"started,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	Outcome   domain.Outcome    `json:"outcome"`
	ShStarted int               `json:"sh_started"`
	JobCount  int               `json:"job_count"`
	Jobs      []jobState        `json:"jobs,omitempty"`
	OpenSh    int               `json:"open_sh,omitempty"`
	// Inside has the InsideMs of open sh by index, unless it is 0.
	Inside map[int]int64 `json:"inside,omitempty"`
}

type jobState struct {
	Index       int         `json:"index"`
	ID          string      `json:"id"`
	Started     bool        `json:"started,omitempty"`
	StartedAtMs int64       `json:"started_at_ms,omitempty"`
	ExitCode    Null[int32] `json:"exit_code,omitzero"`
	ShCount     int         `json:"sh,omitempty"`
	InSh        sum         `json:"in_sh,omitzero"`
}

// save returns the saved form of the tracker.
func (t *Tracker) save() *trackerState {
	state := &trackerState{
		RunID: t.RunID, Events: t.Events, FirstAtMs: t.FirstAtMs, LastAtMs: t.LastAtMs,
		Started: t.Started, Outcome: t.Outcome, ShStarted: t.ShStarted, JobCount: t.JobCount(), OpenSh: t.OpenSh,
		Inside: map[int]int64{},
	}
	for label := range t.Labels.All() {
		if state.Labels == nil {
			state.Labels = map[string]string{}
		}
		state.Labels[label.Key] = label.Value
	}
	for j := range t.Jobs() {
		if !j.Final {
			state.Jobs = append(state.Jobs, jobState{j.Index, j.ID, j.Started, j.StartedAtMs, j.ExitCode, j.ShCount, j.inSh})
		}
	}
	for slot := range t.open.slots.all() {
		if slot.used && slot.InsideMs > 0 {
			state.Inside[slot.Index] = slot.InsideMs
		}
	}
	return state
}

// restore returns the saved tracker, completed from rows.
func (s *trackerState) restore(rows Kept) (*Tracker, error) {
	final, stop := pull(rows.FinalJobs)
	defer stop()
	t := NewTracker(s.RunID)
	t.Events, t.FirstAtMs, t.LastAtMs = s.Events, s.FirstAtMs, s.LastAtMs
	t.Started, t.Outcome, t.ShStarted = s.Started, s.Outcome, s.ShStarted
	if err := t.restoreLabels(s.Labels); err != nil {
		return nil, err
	}
	for saved := s.Jobs; t.jobs.len() < s.JobCount; {
		i := t.jobs.len()
		var err error
		if len(saved) > 0 && saved[0].Index == i {
			err = t.restoreJob(&saved[0])
			saved = saved[1:]
		} else {
			err = t.restoreFinal(i, final)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(s.Jobs) > s.JobCount {
		return nil, errBrokenState
	}
	return t, t.restoreOpen(s, rows.OpenSh)
}

// pull returns a function that pulls values from a sequence, which may be nil.
func pull[T any](seq iter.Seq2[T, error]) (next func() (T, bool, error), stop func()) {
	if seq == nil {
		return func() (none T, ok bool, err error) { return none, false, nil }, func() {}
	}
	take, stop := iter.Pull2(seq)
	return func() (T, bool, error) {
		value, err, ok := take()
		return value, ok, err
	}, stop
}

func (t *Tracker) restoreLabels(saved map[string]string) (err error) {
	labels := make([]domain.Label, 0, len(saved))
	for key, value := range saved {
		labels = append(labels, domain.Label{Key: key, Value: value})
	}
	if t.Labels, err = domain.NewLabels(labels...); err != nil {
		return errBrokenState
	}
	return nil
}

func (t *Tracker) restoreJob(s *jobState) error {
	job := t.job(s.ID)
	if job.Index != s.Index {
		return errBrokenState // the same job twice
	}
	job.Started, job.StartedAtMs = s.Started, s.StartedAtMs
	job.ExitCode, job.ShCount, job.inSh = s.ExitCode, s.ShCount, s.InSh
	if job.Started {
		t.OpenJobs++
	}
	return nil
}

func (t *Tracker) restoreFinal(index int, final func() (FinalJob, bool, error)) error {
	f, ok, err := final()
	if err != nil {
		return err
	}
	if !ok || f.Index != index {
		return errBrokenState
	}
	job := t.job(f.ID)
	if job.Index != index {
		return errBrokenState
	}
	job.Final, job.Started, job.ShCount = true, f.Started, f.ShCount
	return nil
}

// restoreOpen restores the open sh from their rows.
func (t *Tracker) restoreOpen(s *trackerState, rows iter.Seq2[Row[ShEvent], error]) error {
	next, stop := pull(rows)
	defer stop()
	for last := -1; t.OpenSh < s.OpenSh; {
		row, ok, err := next()
		if err != nil {
			return err
		}
		job := t.find(row.Value.JobID)
		if !ok || job == nil || row.Index <= last || row.Index >= t.ShStarted {
			return errBrokenState
		}
		last = row.Index
		*t.open.push(job) = TrackedSh{
			Index: row.Index, Seq: row.Value.Seq, Job: job.Index,
			Cmd: row.Value.Cmd, StartedAtMs: row.Value.StartedAtMs, InsideMs: max(0, s.Inside[row.Index]),
		}
		t.OpenSh++
	}
	t.open.young = nil // the commands share no memory
	return nil
}
