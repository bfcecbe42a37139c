// Package trends says how the latest runs of a pipeline have changed: which commands have become slower
// or faster and since which run, which jobs are flaky, and which failures are one.
//
//	latest := trends.Latest(200)
//	latest.Add(record, nil) // for each run, in any order
//	t := latest.Trends()
package trends
