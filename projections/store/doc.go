// Package store keeps the rows of runs in a database up to date with their streams.
//
// A [Store] holds rows, and a [Source] is the stream of a run. Adapters implement both
// interfaces. These functions use them:
//
//   - [Ingest] brings the rows of one run up to date with its stream;
//   - [IngestAll] and [Rebuild] do that for many runs, in parallel;
//   - [Projector] derives rows from segments of streams, as they arrive;
//   - [Verify] folds streams again, and reports every row that differs;
//   - [Read], [ReadRun] and [ReadRecord] read rows.
//
// A store has a table for each projection of the set that it was opened with. It knows
// only their definitions.
//
// # How rows stay true
//
// Each run has a [Checkpoint]: how far its stream was read, the digest of that part, and
// the versions of the projections that its rows have. Rows and checkpoint change in one
// transaction. If the stream matches the checkpoint, there is nothing to do. If it has
// grown, rows that have changed are replaced, new ones are added, and all others stay.
// If it is another stream now, it is folded again from its start.
//
// # Streams that arrive in parts
//
// A [Projector] gets segments of streams, and cannot read the rest of a stream. So the
// checkpoint also has the state of the fold: of the digest, and of open jobs. Everything
// else that a fold needs, such as open commands, is in the rows. So any worker that has
// the segment at the checkpoint can continue the run. A segment that begins after the
// checkpoint is parked in the store until the missing part arrives. A run whose segments
// cannot be applied is quarantined, and its further segments are parked.
//
// A last line without a line feed is in the rows, but not in the state, and makes no row
// final: the whole line replaces it later.
//
// [Ingest] and [Rebuild] have the whole stream. They do not use the state, but write it.
// They have to read the beginning of the stream anyway, to know that it is unchanged, and
// folding it meanwhile costs little more. So a Projector can continue a run that Ingest
// wrote, and the other way round. A quarantine ends when Ingest or Rebuild writes the run.
//
// # How rows are written
//
// All writers use one commit path. A change (change.go) says what one transaction does to
// one run; committer.commit (commit.go) writes changes, and decides what happens if the
// store refuses a run, another program has written it, or the transaction takes too long.
//
//   - ingest*.go make changes of whole streams, and prune.go of runs without a stream;
//   - projector*.go make changes of segments: a batch of requests becomes a step for each run;
//   - collector.go, used by both, folds entries into rows, and state.go saves the fold.
package store
