// Package store keeps the rows of runs in a database true to their streams.
//
// A [Store] holds rows, a [Source] is where the stream of a run is; both are
// interfaces, and adapters implement them. On them stand
//
//   - [Ingest]: brings the rows of one run up to its stream;
//   - [IngestAll] and [Rebuild]: do that for many runs, side by side;
//   - [Verify]: folds streams again and names every row that differs;
//   - [ReadRun], [ReadJobs], [ReadShEvents], [ReadTimings], [ReadRecord]: read rows.
//
// # How rows stay true
//
// Beside the rows of a run stands a [Checkpoint]: how far its stream was read,
// the digest of what was read, and the version of the reducers. Rows and
// checkpoint change in one transaction. A stream that still is what the
// checkpoint says needs nothing. One that has grown is read on: rows that were final
// stay, those that were open go, and come back in the version of now. One that is not
// the one that was read any more is folded again from its start.
//
// No state of a fold is kept. To know that a stream still begins with what was
// read it has to be read anyway, and folding it on the way costs little more.
package store
