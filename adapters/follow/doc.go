// Package follow hands streams that grow to a store, to another sink, and to a view.
//
// [Follow] reads a stream, or all streams in a folder, while they are written. [Read] reads a pipe.
// A store has the rows, including open ones, some milliseconds after their lines were written. A
// [View] shows the runs to a person. A [Sink] gets the segments: adapters/publish sends them to a
// broker.
//
// # From files to segments
//
// Package tail finds streams, reads whole lines and digests them. Follow decodes each line once. The
// sink gets the lines as a [domain.Segment] with their entries. For a store, a [store.Projector] applies
// the segments: it writes runs that grow at the same time together, and takes the entries instead of
// decoding the segments again.
//
// A view shows rows. With a store, these are the rows that the projector has written, and those that
// were there before; nothing is folded for the view. Otherwise Follow folds the entries.
//
// The sink says how far it has a run. Follow reads the stream from its start all the same, and
// compares the digest at that place. So it finds a stream that was replaced or rewritten at any
// moment, and the sink derives the run again; a store ingests the stream for that.
//
// A stream that does not grow is released. When it grows, it is read again from its start.
//
// # What may go wrong
//
// Follow skips a stream that cannot be read, and continues with the others. It tries the stream again
// when its file changes, or when a cause elsewhere may be gone: another stream has the same id, or the
// permissions do not allow reading. Follow waits for a store that is away, locked or full, see [Retry];
// nothing is lost meanwhile, since the streams stay. However Follow ended, call it again to continue.
package follow
