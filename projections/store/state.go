package store

import (
	"crypto/sha256"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"iter"

	"github.com/quire-ci/quire-project/projections"
)

// savedState is the State of a [Checkpoint], as saveState writes it.
type savedState struct {
	SHA256 []byte          `json:"sha256"`
	Fold   json.RawMessage `json:"fold"`
}

// maxState limits the stored state of a run, since each checkpoint writes it again. A run without a
// state can only be derived from its whole stream.
const maxState = 4 << 20

func saveState(fold *projections.Fold, digest []byte) (string, error) {
	if fold.OpenBytes() > maxState {
		return "", nil
	}
	open, err := fold.Save()
	if err != nil {
		return "", err
	}
	// json.Marshal would parse open again.
	return `{"sha256":"` + base64.StdEncoding.EncodeToString(digest) + `","fold":` + string(open) + `}`, nil
}

// restoreState restores the saved state into a new fold, and returns the digest in the state. It
// reads from the rows what is not in the state.
func restoreState(fold *projections.Fold, state string, rows Snapshot) (hash.Hash, error) {
	var saved savedState
	if err := json.Unmarshal([]byte(state), &saved); err != nil {
		return nil, fmt.Errorf("%w: %w", projections.ErrState, err)
	}
	digest := sha256.New()
	if err := digest.(encoding.BinaryUnmarshaler).UnmarshalBinary(saved.SHA256); err != nil {
		return nil, fmt.Errorf("%w: %w", projections.ErrState, err)
	}
	var known struct {
		Rows map[string]int `json:"rows"`
	}
	if err := json.Unmarshal(saved.Fold, &known); err != nil {
		return nil, fmt.Errorf("%w: %w", projections.ErrState, err)
	}
	counts, open, err := commands(rows, known.Rows[projections.ShEvents.Name])
	if err != nil {
		return nil, err
	}
	return digest, fold.Restore(saved.Fold, projections.Kept{FinalJobs: finalJobs(rows, counts), OpenSh: each(open)})
}

// commands returns how many commands each job has, and the open commands. It reads the first
// count rows: any others are of a last line without a line feed, which is not in the state.
func commands(rows Snapshot, count int) (counts map[string]int, open []projections.Row[projections.ShEvent], err error) {
	counts = map[string]int{}
	for row, err := range typed(rows, projections.ShEvents) {
		if err != nil {
			return nil, nil, err
		}
		if row.Index >= count {
			break
		}
		counts[row.Value.JobID] = max(counts[row.Value.JobID], row.Value.Seq)
		if !row.Final {
			open = append(open, row)
		}
	}
	return counts, open, nil
}

func each[T any](values []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, value := range values {
			if !yield(value, nil) {
				return
			}
		}
	}
}

func finalJobs(rows Snapshot, shCounts map[string]int) iter.Seq2[projections.FinalJob, error] {
	return func(yield func(projections.FinalJob, error) bool) {
		for row, err := range typed(rows, projections.Jobs) {
			job := &row.Value
			if err == nil && !row.Final {
				continue
			}
			final := projections.FinalJob{ID: job.JobID, Index: row.Index, Started: job.StartedAtMs.Valid, ShCount: shCounts[job.JobID]}
			if !yield(final, err) || err != nil {
				return
			}
		}
	}
}

// isState reports whether an error says that a state is unusable, rather than that it could
// not be read.
func isState(err error) bool { return errors.Is(err, projections.ErrState) }
