package postgres

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/quire-ci/quire-project/adapters/internal/sqlstore"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// An advisory lock locks a run, even before the run has any row. The transaction's end
// releases it.
//
// The checkpoint is locked too, against programs that do not use the advisory lock: when
// somebody changes a row by hand, the trigger that deletes the checkpoint waits for this
// transaction, and then finds the new checkpoint.
const (
	lockRuns        = `SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS key`
	lockCheckpoints = sqlstore.SelectCheckpoints + ` WHERE run_id = ANY ($1) ORDER BY run_id FOR UPDATE`
)

// lockKeys returns the keys of the locks of runs: hashes, because an advisory lock has a
// number. Two runs with the same hash wait for each other needlessly. All programs lock
// in the same order, to avoid deadlocks.
func lockKeys(schema string, runs []domain.RunID) []int64 {
	keys := make([]int64, len(runs))
	for i, run := range runs {
		sum := sha256.Sum256([]byte("quire-project\x00" + schema + "\x00" + string(run)))
		keys[i] = int64(binary.BigEndian.Uint64(sum[:]))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// setCheckpoints writes any number of checkpoints. It updates an existing row and does not
// replace it, because of lockCheckpoints.
const setCheckpoints = `INSERT INTO {checkpoints} (` + sqlstore.CheckpointNames + `, updated_at)
SELECT *, now() FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[],
	$6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
ON CONFLICT (run_id) DO UPDATE SET
	bytes = excluded.bytes, lines = excluded.lines, events = excluded.events, sha256 = excluded.sha256,
	end_bytes = excluded.end_bytes, end_lines = excluded.end_lines, end_sha256 = excluded.end_sha256,
	projections = excluded.projections, read_options = excluded.read_options, source = excluded.source, state = excluded.state, updated_at = excluded.updated_at`

// checkpoints are the changes of a transaction: checkpoints to write, or nil to delete one.
type checkpoints map[domain.RunID]*store.Checkpoint

// queue adds the statements for the changes to batch, and forgets them.
func (c checkpoints) queue(d *sqlstore.Dialect, batch *pgx.Batch) {
	var deleted []domain.RunID
	var numbers [5][]int64
	var strings [7][]string
	for _, run := range slices.Sorted(maps.Keys(c)) {
		checkpoint := c[run]
		if checkpoint == nil {
			deleted = append(deleted, run)
			continue
		}
		for i, n := range [...]int64{checkpoint.Bytes, checkpoint.Lines, checkpoint.Events, checkpoint.End.Bytes, checkpoint.End.Lines} {
			numbers[i] = append(numbers[i], n)
		}
		for i, text := range [...]string{
			toText(string(run)), hex.EncodeToString(checkpoint.SHA256[:]), hex.EncodeToString(checkpoint.End.SHA256[:]),
			checkpoint.Projections, toText(checkpoint.ReadOptions), toText(checkpoint.Source), toText(checkpoint.State),
		} {
			strings[i] = append(strings[i], text)
		}
	}
	clear(c)
	if len(deleted) > 0 {
		batch.Queue(d.SQL(`DELETE FROM {checkpoints} WHERE run_id = ANY ($1)`), texts(deleted))
	}
	if n, t := numbers, strings; len(t[0]) > 0 {
		batch.Queue(d.SQL(setCheckpoints), t[0], n[0], n[1], n[2], t[1], n[3], n[4], t[2], t[3], t[4], t[5], t[6])
	}
}
