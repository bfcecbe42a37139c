// Command quire-ci runs the jobs of a workspace's .quire/ci.yaml and records the
// run as a stream of events.
//
//	quire-ci run --events run.jsonl --out-dir out
//
// This package holds flags, wiring, what people are shown and exit statuses; jobs
// are run by adapters/shell, and the file is read by adapters/pipeline.
package main

import "os"

func main() {
	if os.Getpid() == 1 {
		os.Exit(init1())
	}
	os.Exit(run(heedSignals(), os.Args[1:], stdio{os.Stdout, os.Stderr}))
}
