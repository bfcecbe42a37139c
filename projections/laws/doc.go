// Package laws holds projections to their contract. It is a kit for tests:
// give it the declaration of a projection, and it tries to find a stream on
// which the projection breaks a law.
//
//	func TestFailedSh(t *testing.T) {
//		laws.Check(t, FailedByJob,
//			laws.Model(modelFailedSh),
//			laws.Independent(func(row FailedSh) string { return row.JobID }))
//	}
//
// If it finds one, it makes it as small as it can, and prints it as Go, to be
// pasted into a test:
//
//	the law "final once" is broken: after 2 entries: handed out as final a second time: {Index:0 …}
//
//	The smallest stream that was found for it:
//
//		laws.Entries([]domain.Event{
//			domain.NewJobFinished(0, "a", domain.Complete),
//			domain.NewJobFinished(0, "a", domain.Complete),
//		})
//
// [Check] tries each law in a subtest, so that one that is broken, or a panic,
// does not hide the others; -run TestFailedSh/final_once runs one. These are the
// laws that every projection obeys:
//
//   - total: every sequence of entries has a result. A stream is what some
//     producer wrote, and producers crash, race and change.
//   - deterministic: same events, same rows. Nothing but the events counts: no
//     map's order, no state that instances share, and no memory that belongs to
//     the reader, which is used again for the next entries.
//   - prefixes: a stream that was cut after any entry has the rows that the
//     whole one had at that point. Live views and crashed runs rest on it.
//   - final once: a row is handed out as final once and is not seen again.
//     Whoever has written it down need not look back.
//   - open pure: listing what is open changes nothing, however often it is
//     done and when.
//   - local: an open row changes only with the events of its job. What has not
//     changed is not stored again.
//   - parts: what is open can be handed over in parts. What Open makes of the
//     tracker's jobs and open sh is a row of each, and nothing beside it.
//   - indexed: the indexes of final and open rows count from 0 up, without a
//     gap. They are the rows' identity wherever rows are stored.
//   - kept: a longer stream has no fewer rows. No store takes a row away.
//   - fitting: each value is one that its column can have: one of those that a text's
//     type lists, no integer less than the tag min says.
//   - single, if it is declared so: there is exactly one row, before the first entry
//     as well, and it is never final.
//   - keys, if it has one: no two rows have the same key, and in a table the row with
//     an index keeps its key.
//   - resumable: a fold that is saved, and restored in another process, goes
//     on as if nothing had happened, wherever it was cut.
//   - resumable open: so does one of which only what is open is saved, beside the
//     rows, as stores do.
//   - shifted: the same run 400 years later has the same rows, but for the times
//     in them. No time is special, 0 among them. (After 400 years the calendar
//     repeats: rows may tell the hour or the day of the week. Times may be numbers
//     of any usual unit, or of type time.Time in UTC, but not text.)
//   - timeless: a stream has the same rows whenever it is read, and however slowly.
//     The only clock is the one in the events.
//   - bounded: the memory of a projection follows its open rows. What has ended
//     leaves nothing, or a run of a million jobs fills it.
//   - elsewhere: another process has the same rows, in another time zone and if it
//     has read other streams before. The test's binary is run once more for that,
//     for this subtest alone; what the test does before it calls Check is done again.
//
// Two more need to be told something of the projection: [Independent], if each row
// belongs to one job, and [Model]. The other laws say that a projection is well
// behaved; only a model can say that it is right.
//
// If yours breaks a law for a good reason, say so with [Except]. One that counts
// distinct commands has to keep them, and is not bounded; one with dates as text is
// not shifted.
//
// # Examples
//
// [Given] states one: the rows that some events make, or those that a further event
// changes. It reports a difference with the events in front of it.
//
//	laws.Given(t, FailedByJob,
//		domain.NewShStarted(1, "build", "make"),
//	).When(
//		domain.NewShFinished(2, "build", 2),
//	).Then(FailedSh{"build", 1})
//
// [Golden] compares the rows of a whole stream with a file, which the flag
// -laws.update writes.
//
// # Streams
//
// Streams are generated: those of producers that keep to the rules, chaotic ones in
// which jobs finish before they start, clocks run backwards and lines are torn, and
// [Long] ones. [With] adds streams of yours. The generators are exported for tests of
// anything else that takes events. The flags of pgregory.net/rapid apply:
// -rapid.checks=10000 tries each law on so many streams.
//
// [Hold] tries the laws on one given stream: a recorded one, or one that a fuzz target
// made of its bytes with [FromBytes].
package laws
