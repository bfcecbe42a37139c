// Package storetest is a test suite for implementations of [store.Store]. Pass [Run] a
// function that opens a store for a set of projections, and it tries to find what the
// store does wrong.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T, set *projections.Set) store.Store { return open(t, set) })
//	}
//
// No law names a table: what holds, holds for all tables of [Set], the built-in ones and
// some of the suite's own.
//
// The laws are in groups, each law a subtest that is named for what must hold:
//
//   - rows: what was inserted is read back, whatever the values are;
//   - changing: runs after any transaction are what it says;
//   - checkpoints: they stand and fall with the rows;
//   - transactions: all or nothing, for writers and readers;
//   - waiting: who writes a run waits for who writes it already;
//   - reading: sequences and snapshots;
//   - listing: pages of runs and of their ids;
//   - parking: segments that wait for others, and runs that are quarantined.
//
// Those hold the methods of a store. The next ones hold what stands on them, on
// the store at hand: whatever happens to streams, or on the way, the rows are
// those of one fold.
//
//   - ingesting: streams that come again, grow, or are another one, and rows that are to be
//     derived again;
//   - crashing: errors, panics and ends of the context at any call;
//   - rebuilding: many runs, stopped and started again;
//   - verifying: what was tampered with is found, and nothing else;
//   - segments: streams that come in parts, late, twice and out of order;
//   - appending: streams that come in parts from senders who go on where the store says;
//   - gaps: what is parked of a run, until what is before it comes or it is given up;
//   - transcripts: the same as examples that one can read, in the folder transcripts;
//   - tails: last lines that no line feed has ended yet, in files and as segments;
//   - sets: programs with other projections, or other versions of them;
//   - disturbing: what others do to runs that come in segments;
//   - at once: several who take in the same streams;
//   - keeping: the streams themselves, in a store that keeps them.
//
// [RunKeeping] holds a store that keeps streams to the laws of the second kind, and to one more:
// the stream that is kept of a run is what its rows were derived from.
//
// Most are properties of generated rows and streams. The flags of
// pgregory.net/rapid apply, -rapid.checks among them, and with -short there are
// fewer tries; [Tries] sets another number.
//
// A law takes runs of its own for each try, and removes them again; some declare projections
// whose names nobody else has. So a store need not be empty, and one database can do for all
// laws, as long as nobody else writes it meanwhile.
package storetest
