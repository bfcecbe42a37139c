// Package laws tests projections: it tries to find a stream on which a projection breaks
// a law.
//
//	func TestFailedSh(t *testing.T) {
//		laws.Check(t, FailedByJob,
//			laws.Model(modelFailedSh),
//			laws.Independent(func(row FailedSh) string { return row.JobID }))
//	}
//
// If it finds a stream, it makes the stream as small as it can, and prints it as Go, to be
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
// [Check] tries each law in a subtest, so one that is broken, or a panic, does not hide
// the others; -run TestFailedSh/final_once runs one law. Check tries these laws on every
// projection:
//
//   - total: every sequence of entries has a result. Producers crash, race and change.
//   - deterministic: the same events give the same rows. Rows depend on nothing else: not
//     on the order of a map, on state that instances share, or on memory of the reader,
//     which it uses again for the next entries.
//   - prefixes: a stream that was cut after any entry has the rows that the whole stream
//     had at that point. Live views and crashed runs rely on it.
//   - final once: a row becomes final once, and does not appear again. NDJSON, which has
//     written it, relies on it.
//   - open pure: listing the open rows changes nothing.
//   - local: an open row changes only with events of its job. A store does not write rows
//     again that have not changed.
//   - parts: open rows can be listed in parts. Each row that Open returns belongs to a job
//     or command of the tracker.
//   - indexed: the indexes of final and open rows count from 0, without gaps. They identify
//     rows in stores.
//   - kept: a longer stream has no fewer rows. A store never removes a row.
//   - fitting: each value is one that its column can have: one of the values that its type
//     lists, and no integer below the min tag.
//   - single, if the declaration says so: there is exactly one row, even before the first
//     entry, and it is never final.
//   - keys, if the declaration has a key: no two rows have the same key, and the row with an
//     index keeps its key.
//   - heeded, if the declaration names kinds of events: the projection does nothing at others.
//   - resumable: a fold whose open state was saved, beside the rows, and restored in another
//     process, continues as if it had not stopped. Stores do that.
//   - shifted: the same run 400 years later has the same rows, except for the times in
//     them. No time is special, not even 0. (After 400 years the calendar repeats: rows may
//     have the hour or the day of the week. Times can be numbers of any usual unit, or a
//     time.Time in UTC, but not text.)
//   - timeless: rows do not depend on when or how slowly a stream is read. The only clock is
//     the one in the events.
//   - bounded: memory follows the open rows. Otherwise, a run of a million jobs would fill
//     it.
//   - elsewhere: another process gives the same rows, in another time zone and after it has
//     read other streams. For that, Check runs the test's binary once more, with this
//     subtest only. So what the test does before it calls Check happens twice.
//
// Two more laws need your help: [Independent], if each row belongs to one job, and
// [Model]. The other laws say that a projection behaves well; only a model can say that it
// is right.
//
// If your projection breaks a law for a good reason, pass [Except]. A projection that counts
// distinct commands has to keep them, and is not bounded. One that has dates as text is not
// shifted.
//
// # Examples
//
// [Given] states an example: the rows that some events give, or those that a further event
// changes. It reports a difference together with the events before it.
//
//	laws.Given(t, FailedByJob,
//		domain.NewShStarted(1, "build", "make"),
//	).When(
//		domain.NewShFinished(2, "build", 2),
//	).Then(FailedSh{"build", 1})
//
// [Golden] compares the rows of a whole stream with a file, which the flag -laws.update
// writes.
//
// # Streams
//
// The streams are generated: those of well-behaved producers, chaotic ones in which jobs
// finish before they start, clocks run backwards and lines are torn, and [Long] ones.
// [With] adds streams of yours. You can use the exported generators for tests of anything
// else that takes events. The flags of pgregory.net/rapid apply: -rapid.checks=10000 tries
// each law on that many streams.
//
// [Hold] tries the laws on one given stream: a recorded one, or one that a fuzz target made
// of its bytes with [FromBytes].
package laws
