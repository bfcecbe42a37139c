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

// savedState is a [Checkpoint]'s State, as saveState writes it.
type savedState struct {
	SHA256 []byte          `json:"sha256"`
	Fold   json.RawMessage `json:"fold"`
}

func saveState(fold *projections.Fold, digest []byte) (string, error) {
	open, err := fold.SaveOpen()
	if err != nil {
		return "", err
	}
	// Marshal would look at all of open once more, for each run that is written.
	return `{"sha256":"` + base64.StdEncoding.EncodeToString(digest) + `","fold":` + string(open) + `}`, nil
}

// restoreState puts a fresh fold where the checkpoint's one was, and returns
// the digest as it was. What has become final is in the rows.
func restoreState(fold *projections.Fold, state string, rows Snapshot) (hash.Hash, error) {
	var saved savedState
	if err := json.Unmarshal([]byte(state), &saved); err != nil {
		return nil, fmt.Errorf("%w: %w", projections.ErrState, err)
	}
	digest := sha256.New()
	if err := digest.(encoding.BinaryUnmarshaler).UnmarshalBinary(saved.SHA256); err != nil {
		return nil, fmt.Errorf("%w: %w", projections.ErrState, err)
	}
	counts, err := shCounts(rows)
	if err != nil {
		return nil, err
	}
	return digest, fold.RestoreOpen(saved.Fold, finalJobs(rows, counts))
}

// shCounts returns how many commands the jobs have.
func shCounts(rows Snapshot) (map[string]int, error) {
	counts := map[string]int{}
	for row, err := range rows.ShEvents() {
		if err != nil {
			return nil, err
		}
		counts[row.Value.JobID] = max(counts[row.Value.JobID], row.Value.Seq)
	}
	return counts, nil
}

func finalJobs(rows Snapshot, shCounts map[string]int) iter.Seq2[projections.FinalJob, error] {
	return func(yield func(projections.FinalJob, error) bool) {
		for row, err := range rows.Jobs() {
			job := &row.Value
			if err == nil && !job.FinishedAtMs.Valid {
				continue
			}
			final := projections.FinalJob{ID: job.JobID, Index: row.Index, Started: job.StartedAtMs.Valid, ShCount: shCounts[job.JobID]}
			if !yield(final, err) || err != nil {
				return
			}
		}
	}
}

// isState reports whether an error says that a state cannot be restored,
// rather than that it could not be read.
func isState(err error) bool { return errors.Is(err, projections.ErrState) }
