package postgres

import (
	"encoding/hex"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

const checkpointColumns = `run_id, bytes, lines, events, sha256, end_bytes, end_lines, end_sha256, projections, reading, source, state`

// setCheckpoints writes any number of them. It changes a row that is there
// rather than to replace it; see lock.go.
const setCheckpoints = `INSERT INTO checkpoints (` + checkpointColumns + `, updated_at)
SELECT *, now() FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[],
	$6::bigint[], $7::bigint[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
ON CONFLICT (run_id) DO UPDATE SET
	bytes = excluded.bytes, lines = excluded.lines, events = excluded.events, sha256 = excluded.sha256,
	end_bytes = excluded.end_bytes, end_lines = excluded.end_lines, end_sha256 = excluded.end_sha256,
	projections = excluded.projections, reading = excluded.reading, source = excluded.source, state = excluded.state, updated_at = excluded.updated_at`

// checkpoints are those that a transaction is to change: to write, or, where
// there is none, to delete.
type checkpoints map[domain.RunID]*store.Checkpoint

func (c *checkpoints) set(run domain.RunID, checkpoint store.Checkpoint) {
	if *c == nil {
		*c = checkpoints{}
	}
	(*c)[run] = &checkpoint
}

func (c *checkpoints) void(runs []domain.RunID) {
	if *c == nil {
		*c = checkpoints{}
	}
	for _, run := range runs {
		(*c)[run] = nil
	}
}

// queue adds to batch what writes the changes. They are forgotten then.
func (c *checkpoints) queue(batch *pgx.Batch) {
	var void []domain.RunID
	var set checkpointRows
	for _, run := range slices.Sorted(maps.Keys(*c)) {
		if checkpoint := (*c)[run]; checkpoint != nil {
			set.add(run, checkpoint)
		} else {
			void = append(void, run)
		}
	}
	*c = nil
	if len(void) > 0 {
		batch.Queue(`DELETE FROM checkpoints WHERE run_id = ANY ($1)`, texts(void))
	}
	if len(set.runs) > 0 {
		batch.Queue(setCheckpoints, set.args()...)
	}
}

// checkpointRows are checkpoints, column by column.
type checkpointRows struct {
	runs                 []string
	bytes, lines, events []int64
	sums                 []string
	endBytes, endLines   []int64
	endSums              []string
	projections, reading []string
	source, state        []string
}

func (r *checkpointRows) add(run domain.RunID, c *store.Checkpoint) {
	r.runs = append(r.runs, toText(string(run)))
	r.bytes, r.lines, r.events = append(r.bytes, c.Bytes), append(r.lines, c.Lines), append(r.events, c.Events)
	r.sums = append(r.sums, hex.EncodeToString(c.SHA256[:]))
	r.endBytes, r.endLines = append(r.endBytes, c.End.Bytes), append(r.endLines, c.End.Lines)
	r.endSums = append(r.endSums, hex.EncodeToString(c.End.SHA256[:]))
	r.projections, r.reading = append(r.projections, c.Projections), append(r.reading, toText(c.Reading))
	r.source, r.state = append(r.source, toText(c.Source)), append(r.state, toText(c.State))
}

func (r *checkpointRows) args() []any {
	return []any{r.runs, r.bytes, r.lines, r.events, r.sums, r.endBytes, r.endLines, r.endSums, r.projections, r.reading, r.source, r.state}
}

// scanCheckpoints reads checkpointColumns.
func scanCheckpoints(rows pgx.Rows, into map[domain.RunID]store.Checkpoint) error {
	var run, sum, endSum, reading, source, state string
	var c store.Checkpoint
	_, err := pgx.ForEachRow(rows, []any{
		&run, &c.Bytes, &c.Lines, &c.Events, &sum, &c.End.Bytes, &c.End.Lines, &endSum, &c.Projections, &reading, &source, &state,
	}, func() error {
		c.SHA256, c.End.SHA256 = digest(sum), digest(endSum)
		c.Reading, c.Source, c.State = fromText(reading), fromText(source), fromText(state)
		into[domain.RunID(fromText(run))] = c
		return nil
	})
	return err
}

// digest reads a SHA-256. What is none becomes the digest of no stream, so
// that the run is derived again.
func digest(text string) (sum [32]byte) {
	if read, err := hex.DecodeString(text); err == nil && len(read) == len(sum) {
		copy(sum[:], read)
	}
	return sum
}
