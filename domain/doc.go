// Package domain is the vocabulary of a run's stream: what an event is, where
// in its stream it stands, and which run the stream records.
//
// It holds pure values and imports nothing beyond the standard library's
// functions on strings and paths. How events look on the wire is the business of
// adapters/jsonl; what they add up to is the business of projections.
//
// A stream is the record of one run of a CI pipeline. A run has jobs, a job
// runs shell commands ("sh"), and each of the three has a Started and a Finished
// event. The run_started of a run has its labels:
//
//	run_started          ref=main
//	job_started   build
//	sh_started    build  "go build ./..."
//	sh_finished   build  exit code 0
//	job_finished  build  complete
//	run_finished         succeeded
//
// The order of events is their order in the stream. An event's time is what
// the producer's clock said: it is data, and may go backwards.
package domain
