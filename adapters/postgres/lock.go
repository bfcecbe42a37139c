package postgres

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/quire-ci/quire-project/domain"
)

// A run is locked by an advisory lock, which there can be before the run has
// any row. The lock goes with the transaction.
//
// The checkpoint is locked besides, against those who do not know of the
// advisory lock: the trigger that deletes it because somebody changed a row
// waits until this transaction is done, and then finds the new one.
const (
	lockRuns        = `SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS key`
	lockCheckpoints = `SELECT ` + checkpointColumns + ` FROM checkpoints WHERE run_id = ANY ($1) ORDER BY run_id FOR UPDATE`
)

// lockKeys returns the keys of the locks of runs: hashes, since that is what
// an advisory lock has. Two runs that share one wait for each other for nothing.
// The order is the same everywhere, so that nobody waits for somebody who waits.
func lockKeys(schema string, runs []domain.RunID) []int64 {
	keys := make([]int64, len(runs))
	for i, run := range runs {
		sum := sha256.Sum256([]byte("quire-project\x00" + schema + "\x00" + string(run)))
		keys[i] = int64(binary.BigEndian.Uint64(sum[:]))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
