// Package projections derives rows from the event stream of a run.
//
// A projection is a pure reducer that is folded over a stream: no clock, no I/O, no
// randomness, and a result for every sequence of events. So you can throw its rows away
// and derive the same rows again.
//
// Each file has one idea. These define what a projection is:
//
//   - projection.go: the contract, [Projection] and [Row]
//   - definition.go: declarations, from which formats, tables and commands follow
//   - column.go, rows.go: how formats and stores access rows of any type
//   - set.go: the projections of a program, and their versions
//   - tracker.go: what all projections need to know of a run, computed once
//   - step.go: an event, and what it did to the run
//   - stream.go: the entries that are folded
//   - fold.go: many projections in one pass, and saving their state
//
// The built-in projections have a file each: run, labels, jobs, sh_events, timings_run,
// timings_jobs, timings_sh, slowest, diagnostics, and run_table, which is only a table.
//
// # From events to rows
//
// A row is final if no later event can change it, and open otherwise. A projection
// returns each row once when it becomes final, and lists the open rows on request.
// Everything else builds on this: NDJSON writes final rows as they come, a document has
// the final rows and, at the end, the open ones, and a store or a live view takes both
// at any moment. The state is what is open, plus a little for each job. Folding an event
// allocates nothing.
//
// # Adding a projection
//
// Write a reducer, which is a type with the methods of [Projection]. Declare it with
// [Define]: its name, its version, the columns that identify a row. Put it into a set
// with [NewSet], which reports mistakes in declarations, and test it with
// projections/laws. docs/projections.md is a tutorial.
package projections
