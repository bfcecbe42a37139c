// Package storetest is a test suite for implementations of [store.Store]. Pass [Run] a function
// that opens a store for a set of projections.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T, set *projections.Set) store.Store { return open(t, set) })
//	}
//
// No law names a table: each law holds for all tables of [Set], which has the built-in projections
// and some of the suite's own.
//
// The laws are in groups. Each law is a subtest, named after what must hold:
//
//   - rows: inserted rows are read back, whatever their values are;
//   - changing: a transaction changes its runs as requested or not at all, with what waits for them,
//     and readers see one moment;
//   - checkpoints: versions, and many runs at once;
//   - waiting: a writer waits for another writer of the same run;
//   - reading: sequences and snapshots;
//   - listing: pages of runs and of their ids;
//   - parking: times, sizes and numbers of what waits.
//
// These groups test the methods of a store. The next ones test the functions of package store with
// it: whatever happens to streams, or fails, the rows are those of one fold.
//
//   - ingesting: streams that repeat, grow, or are replaced, and rows that must be derived
//     again;
//   - crashing: errors, panics and cancelled contexts at any call;
//   - rebuilding: many runs, stopped and started again;
//   - verifying: all tampering is found, and nothing else;
//   - segments: streams that arrive in parts and from files, late, twice, out of order and cut
//     within a line, while calls fail and other programs write;
//   - gaps: parked segments, until the missing one arrives or the run is given up;
//   - transcripts: readable examples of the same, in the folder transcripts;
//   - sets: programs with other projections, or other versions of them;
//   - at once: several programs that ingest the same streams;
//   - keeping: the streams themselves, in a store that keeps them.
//
// [RunKeeping] tests a store that keeps streams with the second kind of laws, and with one more:
// the kept stream of a run is the one from which its rows were derived.
//
// Most laws are properties of generated rows and streams. The flags of pgregory.net/rapid apply,
// such as -rapid.checks. With -short there are fewer tries; [Tries] sets another number.
//
// A law uses its own runs for each try, and removes them; some laws declare projections with unique
// names. So a store need not be empty, and all laws can use one database, as long as no other
// program writes to it.
package storetest
