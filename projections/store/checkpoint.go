package store

import (
	"github.com/quire-ci/quire-project/domain"
)

// Checkpoint says what the stored rows of a run were derived from. It is written in one
// transaction with them. The store removes it when another program changes or deletes a row,
// so that the run is derived again.
type Checkpoint struct {
	// Mark is how far whole lines reach. The next segment begins there.
	domain.Mark
	// End is how far the stream reached. Between Mark and End are the bytes of a last line
	// without a line feed, which is not counted in End's Lines.
	End domain.Mark
	// Events counts the events until End.
	Events int64
	// Projections names the projections of the rows, with their versions, see
	// [projections.ID]. Tables of other projections may have outdated rows of the run.
	Projections string
	// ReadOptions are the options that the stream was read with, see [Source]: what was done
	// with malformed lines, and the limit of a line.
	ReadOptions string
	// Source is where the stream was: for people, and to distinguish two streams with one
	// run id.
	Source string
	// Kept says that the store keeps the stream until End. If you set a checkpoint with it, the
	// transaction's calls of Keep must have brought the kept stream there. A store may find that
	// it keeps the stream of a checkpoint that was set without.
	Kept bool
	// State is what a [Projector] needs to continue at Mark without reading what is before
	// it; empty if that was too much to store.
	State string
}

// sameRead reports whether both checkpoints are of the same bytes, read in the same way.
func (c Checkpoint) sameRead(other Checkpoint) bool {
	c.Source, other.Source = "", ""
	c.State, other.State = "", ""
	c.Kept, other.Kept = false, false
	return c == other
}
