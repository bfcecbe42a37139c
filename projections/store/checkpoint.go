package store

import (
	"github.com/quire-ci/quire-project/domain"
)

// Checkpoint says what the stored rows of a run were derived from. It is
// written in one transaction with them, and is lost when somebody else
// changes or deletes a row, so that the run is derived again.
type Checkpoint struct {
	// Mark is how far whole lines reach. From there the stream is read on.
	domain.Mark
	// End is how far the stream reached; behind Mark are the bytes of a last line
	// that no line feed ended. Its Lines do not count that one.
	End domain.Mark
	// Events counts the events until End.
	Events int64
	// Projections names those that the rows are of, with their versions, see
	// [projections.ID]. Tables of others may have rows of the run that are not of it any
	// more.
	Projections string
	// Reading names what else the rows depend on: how malformed lines were
	// taken, and how long a line could be.
	Reading string
	// Source is where the stream was, for people and to tell two streams of
	// one id apart.
	Source string
	// State is what a fold needs to go on behind Mark without reading what is
	// before it, see [Projector]; empty where that was too much.
	State string
}

// sameRead reports whether both are of the same bytes, read the same way.
func (c Checkpoint) sameRead(other Checkpoint) bool {
	c.Source, other.Source = "", ""
	c.State, other.State = "", ""
	return c == other
}
