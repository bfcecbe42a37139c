// Package projections derives rows from the event stream of a run.
//
// The stream is the only truth. A projection is a pure reducer folded over it:
// no clock, no I/O, no randomness, and a result for every sequence of events,
// so that its rows can be thrown away and derived again, the same to the byte.
//
// Each file holds one idea. What a projection is:
//
//   - projection.go: the contract, [Projection], and [Row]
//   - definition.go: its declaration, from which formats, tables and commands follow
//   - column.go, rows.go: rows as those see them, whatever their type is
//   - set.go, set_id.go: which projections a program has, in which versions
//   - tracker.go: what all projections need to know of a run, kept once
//   - step.go: an event as a projection meets it
//   - stream.go: what is folded
//   - fold.go: many projections in one pass, and saving where it stands
//
// and the projections themselves, one file each: run, labels, jobs, sh_events,
// timings_run, timings_jobs, timings_sh, slowest, diagnostics, and run_table, which is a
// table only.
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
// Write a reducer, a type with the methods of [Projection], and declare it with [Define]:
// its name, its version, the columns that identify a row. Put it into a set with [NewSet],
// which finds the mistakes of declarations, and hold it to the laws of projections/laws.
// docs/projections.md is a walk-through.
package projections
