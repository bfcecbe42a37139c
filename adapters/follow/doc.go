// Package follow keeps rows up to date with streams that grow.
//
// [Follow] reads a stream, or all those in a folder, on as they are written, and
// ends when the run has finished or when it is told to. With a store, the rows of
// what is running now are there some milliseconds after their lines were written,
// the open ones among them; with a [View], somebody can watch.
//
// # How rows are kept
//
// A stream that is met is ingested as far as it is there, unless it is short and new: many
// of those are written together. From then on its lines are
// read once, decoded, and given to a [store.Projector] as segments; many runs that
// grow at the same time are written together. When the run has finished,
// its stream is ingested again, which costs one reading and says what only a whole
// stream can: that its last line is torn.
//
// The digest of what is read is compared with that of what the store has, so that a
// stream which is replaced at any moment is found out and derived again from its start.
//
// # What may go wrong
//
// A stream that cannot be read is set aside, and the others go on; it is tried again
// when its file changes, or what was wrong elsewhere may be over: it has the id of another
// one, or may not be read. A store that is away, locked or full is waited for, see
// [Patience]; nothing is lost meanwhile, since the streams stay. Whatever ends Follow, calling
// it again goes on where it was.
package follow
