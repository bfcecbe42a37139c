// Package compare says what differs between two runs: which commands took longer, which are new or
// gone, and how all of that adds up to the difference of the runs' durations.
//
//	c := compare.Runs(a, b)      // two records
//	earlier := compare.Earlier(b)
//	earlier.Add(record)          // for each run before b
//	c.Judge(earlier)
package compare
