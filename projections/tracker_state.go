package projections

import (
	"encoding/json"

	"github.com/quire-ci/quire-project/domain"
)

// trackerState is a Tracker as it is saved.
type trackerState struct {
	RunID     domain.RunID   `json:"run_id"`
	Events    int64          `json:"events"`
	FirstAtMs int64          `json:"first_at_ms"`
	LastAtMs  int64          `json:"last_at_ms"`
	Outcome   domain.Outcome `json:"outcome"`
	ShStarted int            `json:"sh_started"`
	Jobs      []jobState     `json:"jobs"`
	Sh        []shState      `json:"sh"`
}

type jobState struct {
	ID           string         `json:"id"`
	Started      bool           `json:"started,omitempty"`
	StartedAtMs  int64          `json:"started_at_ms,omitempty"`
	Final        bool           `json:"final,omitempty"`
	FinishedAtMs int64          `json:"finished_at_ms,omitempty"`
	Outcome      domain.Outcome `json:"outcome,omitempty"`
	ExitCode     Null[int32]    `json:"exit_code,omitzero"`
	ShCount      int            `json:"sh,omitempty"`
}

// shState is a TrackedSh, field by field.
type shState struct {
	Index       int    `json:"index"`
	Seq         int    `json:"seq"`
	Job         int    `json:"job"`
	Cmd         string `json:"cmd"`
	StartedAtMs int64  `json:"started_at_ms"`
}

// MarshalJSON encodes the tracker so that a later process can go on.
func (t *Tracker) MarshalJSON() ([]byte, error) {
	state := trackerState{
		RunID: t.RunID, Events: t.Events, FirstAtMs: t.FirstAtMs, LastAtMs: t.LastAtMs,
		Outcome: t.Outcome, ShStarted: t.ShStarted,
	}
	for j := range t.Jobs() {
		state.Jobs = append(state.Jobs, jobState{
			j.ID, j.Started, j.StartedAtMs, j.Final, j.FinishedAtMs, j.Outcome, j.ExitCode, j.ShCount,
		})
	}
	t.EachOpenSh(func(_ *TrackedJob, sh *TrackedSh) { state.Sh = append(state.Sh, shState(*sh)) })
	return json.Marshal(state)
}

// UnmarshalJSON puts the tracker where MarshalJSON found it.
func (t *Tracker) UnmarshalJSON(data []byte) error {
	var state trackerState
	if err := json.Unmarshal(data, &state); err != nil {
		return err
	}
	*t = *NewTracker(state.RunID)
	t.Events, t.FirstAtMs, t.LastAtMs = state.Events, state.FirstAtMs, state.LastAtMs
	t.Outcome, t.ShStarted = state.Outcome, state.ShStarted
	for i, s := range state.Jobs {
		job := t.job(s.ID)
		if job.Index != i {
			return errBrokenState // the same job twice
		}
		job.Started, job.StartedAtMs = s.Started, s.StartedAtMs
		job.Final, job.FinishedAtMs, job.Outcome = s.Final, s.FinishedAtMs, s.Outcome
		job.ExitCode, job.ShCount = s.ExitCode, s.ShCount
		if job.Progress.Open() {
			t.OpenJobs++
		}
	}
	for i, s := range state.Sh {
		if s.Job < 0 || s.Job >= t.jobs.len() || s.Index < 0 || s.Index >= t.ShStarted || i > 0 && s.Index <= state.Sh[i-1].Index {
			return errBrokenState
		}
		*t.open.push(t.jobs.at(s.Job)) = TrackedSh(s)
		t.OpenSh++
	}
	return nil
}
