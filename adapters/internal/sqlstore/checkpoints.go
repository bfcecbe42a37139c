package sqlstore

import (
	"context"
	"encoding/hex"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// SelectCheckpoints selects checkpoints, with the columns of [Dialect.CheckpointColumns].
const SelectCheckpoints = `SELECT ` + CheckpointNames + `, EXISTS (SELECT 1 FROM quire_project_streams AS k
WHERE k.run_id = c.run_id AND k.bytes = c.end_bytes AND k.sha256 = c.end_sha256) FROM {checkpoints} AS c`

// CheckpointNames are the columns of checkpoints.
const CheckpointNames = `run_id, bytes, lines, events, sha256, end_bytes, end_lines, end_sha256, projections, read_options, source, state`

// Checkpoint is a row of the table of checkpoints.
type Checkpoint struct {
	Run domain.RunID
	store.Checkpoint
}

// CheckpointColumns returns the targets for the columns of a checkpoint.
func (d *Dialect) CheckpointColumns(c *Checkpoint) []any {
	return []any{
		text(d, &c.Run), &c.Bytes, &c.Lines, &c.Events, digest(&c.SHA256), &c.End.Bytes, &c.End.Lines, digest(&c.End.SHA256),
		&c.Projections, text(d, &c.ReadOptions), text(d, &c.Source), text(d, &c.State), boolean(&c.Kept),
	}
}

// digest scans a SHA-256 in hexadecimal. A digest that is not valid becomes zero, which is
// the digest of no stream: the run is then derived again, whereas an error would block it.
func digest(to *[32]byte) scanner {
	return func(value any) error {
		var digits string
		if err := text(&Dialect{}, &digits)(value); err != nil {
			return err
		}
		*to = [32]byte{}
		if sum, err := hex.DecodeString(digits); err == nil && len(sum) == len(to) {
			copy(to[:], sum)
		}
		return nil
	}
}

// Checkpoints returns the checkpoints of those runs that are stored.
func (r Reader) Checkpoints(ctx context.Context, runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	checkpoints := map[domain.RunID]store.Checkpoint{}
	for runs := range slices.Chunk(runs, MaxList) {
		condition, args := r.dialect.In(runs)
		found, err := list(ctx, r, "the checkpoints", (*Dialect).CheckpointColumns, SelectCheckpoints+` WHERE run_id `+condition, args...)
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			checkpoints[c.Run] = c.Checkpoint
		}
	}
	return checkpoints, nil
}
