package sqlread

import (
	"context"
	"maps"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// maxList is how many ids one query is given at most. Databases limit the
// parameters of a statement.
const maxList = 500

const selectCheckpoint = `SELECT run_id, bytes, lines, events, sha256, end_bytes, end_lines, end_sha256, projections, reading, source, state
FROM checkpoints WHERE run_id `

type keyedCheckpoint struct {
	run domain.RunID
	store.Checkpoint
}

func checkpointColumns(d *Dialect, c *keyedCheckpoint) []any {
	return []any{
		text[domain.RunID]{d, &c.run},
		integer[int64]{&c.Bytes}, integer[int64]{&c.Lines}, integer[int64]{&c.Events}, digest{&c.SHA256},
		integer[int64]{&c.End.Bytes}, integer[int64]{&c.End.Lines}, digest{&c.End.SHA256},
		text[string]{d, &c.Projections}, text[string]{d, &c.Reading}, text[string]{d, &c.Source}, text[string]{d, &c.State},
	}
}

// Checkpoints returns those of runs that are stored.
func (d *Dialect) Checkpoints(ctx context.Context, q Querier, runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	checkpoints := map[domain.RunID]store.Checkpoint{}
	for runs := range slices.Chunk(runs, maxList) {
		found, err := d.checkpoints(ctx, q, runs)
		if err != nil {
			return nil, err
		}
		maps.Copy(checkpoints, found)
	}
	return checkpoints, nil
}

func (d *Dialect) checkpoints(ctx context.Context, q Querier, runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
	ids := make([]string, len(runs))
	for i, run := range runs {
		ids[i] = d.encode(string(run))
	}
	condition, args := d.in(ids)
	read, err := all(each(d, "the checkpoints", checkpointColumns, func() (Rows, error) {
		return d.query(ctx, q, selectCheckpoint+condition, args...)
	}))
	checkpoints := make(map[domain.RunID]store.Checkpoint, len(read))
	for _, c := range read {
		checkpoints[c.run] = c.Checkpoint
	}
	return checkpoints, err
}
