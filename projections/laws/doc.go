// Package laws holds projections to their contract. It is a kit for tests:
// give it a function that returns a fresh projection, and it tries to find a
// stream on which the projection breaks a law.
//
//	func TestFailedSh(t *testing.T) {
//		laws.Check(t, newFailedSh)
//	}
//
// [Check] runs these, which every projection must obey, each as a subtest.
// Each can be called by itself, too.
//
//   - [Total]: every sequence of entries has a result. A stream is what some
//     producer wrote, and producers crash, race and change.
//   - [Deterministic]: same events, same rows. Nothing but the events counts:
//     no clock, no map's order, no state that instances share, and no memory
//     that belongs to the reader, which is used again for the next entries.
//   - [Prefixes]: a stream that was cut after any entry has the rows that the
//     whole one had at that point. Live views and crashed runs rest on it.
//   - [FinalOnce]: a row is handed out as final once and is not seen again.
//     Whoever has written it down need not look back.
//   - [OpenPure]: listing what is open changes nothing, however often it is
//     done and when.
//   - [Local]: an open row changes only with the events of its job. What has not
//     changed is not stored again.
//   - [Indexed]: the indexes of final and open rows count from 0 up, without a
//     gap. They are the rows' identity wherever rows are stored.
//   - [Resumable]: a fold that is saved, and restored in another process, goes
//     on as if nothing had happened, wherever it was cut.
//
// Two more need to be told something of the projection:
//
//   - [Independent], where each row belongs to one job: events of other jobs
//     do not reach it, so that jobs may run side by side.
//   - [Model]: the rows are those of a slow and obvious function of the whole
//     stream. The other laws say that a projection is well behaved; only this
//     one can say that it is right.
//
// Streams are generated: those of producers that keep to the rules, and
// chaotic ones in which jobs finish before they start, clocks run backwards
// and lines are torn. The generators are exported for tests of anything else
// that takes events. A failure is shrunk to a small stream before it is
// reported; the flags of pgregory.net/rapid, -rapid.checks among them, apply.
//
// [Hold] tries the laws of Check on one given stream: a recorded one, or one
// that a fuzz target made of its bytes.
package laws
