package postgres

import "github.com/jackc/pgx/v5"

// longIDs are the long ids of jobs that a transaction has met, on their way
// into their table. There are hardly ever any.
type longIDs struct {
	runs, keys, texts []string
	size              int // of texts
	// The id that was met last: the next row is likely to have it, too.
	lastRun, lastID, lastKey string
}

// key returns what the id of a job is stored as.
func (l *longIDs) key(run, id string) string {
	if len(id) <= maxKey && isText(id) {
		return id
	}
	if run == l.lastRun && id == l.lastID {
		return l.lastKey
	}
	key, short := jobKey(id)
	if short {
		text := toText(id)
		l.runs, l.keys, l.texts = append(l.runs, run), append(l.keys, key), append(l.texts, text)
		l.size += len(text)
	}
	l.lastRun, l.lastID, l.lastKey = run, id, key
	return key
}

// insertLongIDs leaves those that are there as they are: rows of a run that
// is continued name them still.
const insertLongIDs = `INSERT INTO long_job_ids (run_id, short, job_id)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) ON CONFLICT DO NOTHING`

// queue adds to batch what writes the ids.
func (l *longIDs) queue(batch *pgx.Batch) {
	if len(l.keys) > 0 {
		batch.Queue(insertLongIDs, l.runs, l.keys, l.texts)
		l.runs, l.keys, l.texts, l.size = nil, nil, nil, 0
	}
}

// sendLongIDs writes the ids that were met, once there is much of them.
func (t *tx) sendLongIDs() error {
	if t.longIDs.size < flushSize {
		return nil
	}
	var batch pgx.Batch
	t.longIDs.queue(&batch)
	return t.send(&batch)
}
