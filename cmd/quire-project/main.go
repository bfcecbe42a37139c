// Command quire-project turns the event stream of a CI run into its record:
// the rows of its jobs, its commands and their timings.
//
//	quire-project run.jsonl --to json
//
// This package holds flags, wiring and exit statuses; what is done, is done in
// adapters and projections.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() {
	tuneMemory(200) // what is live is small against what passes through, mostly
	ctx, stop := signal.NotifyContext(context.Background(), heeded()...)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends what the first one could not
	status := run(ctx, os.Args[1:], stdio{os.Stdout, os.Stderr})
	stop()
	os.Exit(status)
}

// heeded are the signals that end the program in good order: no temporary file is left.
// A SIGHUP that is ignored from the start stays so, as nohup(1) has it.
func heeded() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// tuneMemory sets by how many percent of what is live the heap grows between collections.
// GOGC comes first.
func tuneMemory(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}
