// Package projections derives rows from the event stream of a run.
//
// The stream is the only truth. A projection is a pure reducer folded over it:
// no clock, no I/O, no randomness, and a result for every sequence of events,
// so that its rows can be thrown away and derived again, the same to the byte.
//
// Each file holds one idea. What a projection is:
//
//   - projection.go: the contract, [Projection], and [Row]
//   - tracker.go: what all projections need to know of a run, kept once
//   - step.go: an event as a projection meets it
//   - stream.go: what is folded
//   - fold.go: many projections in one pass, and saving where it stands
//
// and the projections themselves, one file each: run, jobs, sh_events,
// timings_run, timings_jobs, timings_sh, slowest, diagnostics.
//
// # From events to rows
//
// A row is final once no event can change it any more, and open until then.
// A projection hands out each row when it becomes final, once; rows that are
// open are listed when asked for. From this one shape come all uses: final
// rows as they come are a report that streams, final rows and the open ones at
// the end are the document, and both at any moment are what a store commits
// or a live view shows. State is what is open, plus a little for each job;
// nothing is allocated per event.
//
// # Adding a projection
//
// Write a type with the three methods of [Projection], put it in a [Fold]
// with [Into], and hold it to the laws of projections/laws.
package projections
