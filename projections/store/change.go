package store

import (
	"iter"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// change is what one transaction does to one run, whether the run's stream is read as a whole or
// arrives in segments. Its zero value changes nothing.
type change struct {
	run domain.RunID
	// known is the checkpoint that the change is based on, if the run is stored. Unless
	// overwrite is set, the change is stale when the store has another one.
	known     Checkpoint
	stored    bool
	overwrite bool

	clear    []*projections.Definition // tables that lose all their rows first
	truncate bool                      // the tables lose the rows that TableRows.Stored does not count
	// rows yields the rows in batches, nil if there are none. An error ends the transaction.
	rows iter.Seq2[*Rows, error]
	next Checkpoint // to be set; known once all rows were yielded
	// carries says that the rows come with the bytes of the stream, from the byte from on.
	carries bool
	from    int64

	unpark     int64 // the end of the segments that no longer need to be parked
	park       []domain.Segment
	quarantine *Quarantine
	lift       bool // the quarantine ends
	discard    bool // the kept stream is removed

	// The result of commit.
	stale bool
	err   error
}

// once yields one batch of rows.
func once(rows *Rows) iter.Seq2[*Rows, error] {
	return func(yield func(*Rows, error) bool) { yield(rows, nil) }
}

func (c *change) writes() bool {
	return c.rows != nil || len(c.clear) > 0 || len(c.park) > 0 || c.unpark > 0 || c.quarantine != nil || c.lift || c.discard
}

// compare marks the change as stale if another program has written the run meanwhile.
func (c *change) compare(stored map[domain.RunID]Checkpoint) {
	checkpoint, ok := stored[c.run]
	c.stale = !c.overwrite && (ok != c.stored || checkpoint != c.known)
}

// lacksStream reports whether the store has begun to keep streams since the rows were derived
// without the bytes of theirs.
func (c *change) lacksStream(keeps bool) bool {
	return keeps && c.rows != nil && !c.carries && !c.known.Kept && !c.overwrite
}

// writeTo writes the change; the caller has cleared the old rows.
func (c *change) writeTo(tx Tx) error {
	if c.rows != nil {
		if err := c.writeRows(tx); err != nil {
			return err
		}
	}
	if c.unpark > 0 {
		if err := tx.Unpark(c.run, c.unpark); err != nil {
			return err
		}
	}
	if len(c.park) > 0 {
		if err := tx.Park(c.park); err != nil {
			return err
		}
	}
	if c.quarantine != nil || c.lift {
		return tx.SetQuarantine(c.run, c.quarantine)
	}
	return nil
}

func (c *change) writeRows(tx Tx) error {
	truncate := c.truncate
	stream := c.keeping(tx)
	for rows, err := range c.rows {
		if err != nil {
			return err
		}
		if err := stream.keep(rows.Stream); err != nil {
			return err
		}
		for i := 0; truncate && i < len(rows.Tables); i++ {
			if err := tx.Truncate(c.run, rows.Tables[i].Of, rows.Tables[i].Stored); err != nil {
				return err
			}
		}
		truncate = false
		if err := tx.Insert(rows); err != nil {
			return err
		}
	}
	c.next.Kept = stream != nil || c.known.Kept && c.known.End == c.next.End
	return tx.SetCheckpoint(c.run, c.next)
}
