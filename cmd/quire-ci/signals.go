package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// interruption is why a run is stopped by who has started it.
type interruption struct{}

func (interruption) Error() string { return "interrupted" }

// atOnce is how long a program that was to end at once may take to say in the
// stream what it has ended with.
const atOnce = 2 * time.Second

// debounce is how long signals after the first one count as sent with it.
// Closing a terminal window makes both the shell and the kernel send a SIGHUP,
// and timeout(1) sends its signal to the program and then to the program's group.
const debounce = 250 * time.Millisecond

// hurry is what the second Ctrl-C asks for.
type hurry struct {
	context.Context // ends with it

	mu sync.Mutex
	// leave takes away what must not be left behind.
	leave func()
}

// leaving says what is to be taken away if the program ends at once.
func (h *hurry) leaving(leave func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leave = leave
}

// exit ends the program.
func (h *hurry) exit(status int) {
	h.mu.Lock() // and keeps it
	if h.leave != nil {
		h.leave()
	}
	os.Exit(status)
}

// hurryKey is the key of a context's hurry.
type hurryKey struct{}

// hurryOf returns what tells of the second Ctrl-C, where there is somebody who heeds it.
func hurryOf(ctx context.Context) *hurry {
	if h, ok := ctx.Value(hurryKey{}).(*hurry); ok {
		return h
	}
	return &hurry{Context: context.Background()}
}

// heedSignals returns a context that ends with the first Ctrl-C, so that what
// runs can be stopped and recorded. The second one kills it, and ends the program soon
// after that, whatever it waits for; so does SIGQUIT, of which the Go runtime would make
// an end that leaves the command and its logs behind.
func heedSignals() context.Context {
	kill, killed := context.WithCancelCause(context.Background())
	h := &hurry{Context: kill}
	ctx, cancel := context.WithCancelCause(context.WithValue(context.Background(), hurryKey{}, h))
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	if !signal.Ignored(syscall.SIGHUP) { // as it is below nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	// Writing to a pipe that nobody reads is to be an error, and not the end. To
	// ignore the signal would do that for the commands, too.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	go func() {
		heed(signals, func() { cancel(interruption{}) })
		killed(interruption{})
		cancel(interruption{})
		time.Sleep(atOnce)
		h.exit(command.StatusInterrupted)
	}()
	return ctx
}

// heed returns with the signal that kills: SIGQUIT, or a second one of the others. With
// the first of the others it calls stop.
func heed(signals <-chan os.Signal, stop func()) {
	if <-signals == syscall.SIGQUIT {
		return
	}
	first := time.Now()
	stop()
	for !insists(<-signals, first) {
	}
}

// insists reports whether a signal that came after the first one is somebody's who wants
// the end at once. SIGHUP never is: it says that nobody is there any more.
func insists(signal os.Signal, first time.Time) bool {
	switch signal {
	case syscall.SIGQUIT:
		return true
	case syscall.SIGHUP:
		return false
	}
	return time.Since(first) >= debounce
}
