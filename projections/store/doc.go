// Package store keeps the rows of runs in a database true to their streams.
//
// A [Store] holds rows, a [Source] is where the stream of a run is; both are
// interfaces, and adapters implement them. On them stand
//
//   - [Ingest]: brings the rows of one run up to its stream;
//   - [IngestAll] and [Rebuild]: do that for many runs, side by side;
//   - [Projector]: derives rows from segments of streams, as they come;
//   - [Verify]: folds streams again and names every row that differs;
//   - [Read], [ReadRun], [ReadRecord]: read rows.
//
// A store has a table for each projection of the set that it was opened with, and knows
// nothing of them but their definitions.
//
// # How rows stay true
//
// Beside the rows of a run stands a [Checkpoint]: how far its stream was read,
// the digest of what was read, and which projections the rows are of, in which versions.
// Rows and checkpoint change in one transaction. A stream that still is what the
// checkpoint says needs nothing. One that has grown is read on: rows that
// have changed since are replaced, new ones are added, and all others stay. One that is not
// the one that was read any more is folded again from its start.
//
// # Streams that come in parts
//
// A [Projector] gets streams in segments, from wherever, and never sees the rest of
// them again. For it the checkpoint also has the state of the fold: that of the
// digest, and of the jobs that are open. The rest of what a fold knows is in the
// rows, the commands that are open too. So whoever
// has a segment that begins at the checkpoint can go on. A last line that no line feed has
// ended yet is in the rows, but not in the state, and makes no row final: what it becomes
// takes its place. A segment that begins
// behind it is parked in the store until those before it have come; a run
// whose segments cannot be applied is quarantined, and what comes of it is parked.
//
// Who has the whole stream does not use that state, but writes it. To know that a
// stream still begins with what was read it has to be read anyway, and folding it
// on the way costs little more. A run that is derived from its whole stream can be gone on
// with by a projector, and the other way round: a quarantine is of the rows that
// were there, and ends where others are.
package store
