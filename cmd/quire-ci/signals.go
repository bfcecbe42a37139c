package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// interruption is why a run is stopped by who has started it.
type interruption struct{}

func (interruption) Error() string { return "interrupted" }

// atOnce is how long a program that was to end at once may take to say in the
// stream what it has ended with.
const atOnce = time.Second

// heedSignals returns a context that ends with the first Ctrl-C, so that what
// runs can be stopped and recorded. The second one kills it.
func heedSignals() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as it is below nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	// Writing to a pipe that nobody reads is to be an error, and not the end. To
	// ignore the signal would do that for the commands, too.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	go func() {
		<-signals
		cancel(interruption{})
		<-signals
		killCommands()
		time.Sleep(atOnce)
		os.Exit(statusInterrupted)
	}()
	return ctx
}
