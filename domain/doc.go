// Package domain defines what a stream consists of: events, their positions, and the
// ids of runs.
//
// It has pure values, and imports only the standard library. Package adapters/jsonl
// encodes and decodes events; package projections derives rows from them.
//
// A stream is the record of one run of a CI pipeline. A run has jobs, and a job runs
// shell commands ("sh"). Each of the three has a Started and a Finished event. The
// run_started of a run has its labels:
//
//	run_started          ref=main
//	job_started   build
//	sh_started    build  "go build ./..."
//	sh_finished   build  exit code 0
//	job_finished  build  complete
//	run_finished         succeeded
//
// The order of events is their order in the stream. The time of an event is what the
// producer's clock showed. It is data, and can go backwards.
package domain
