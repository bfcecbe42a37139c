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

// interruption is the cause of a run that the user has stopped.
type interruption struct{}

func (interruption) Error() string { return "interrupted" }

// atOnce is how long the program may take, when it was asked to end at once, to record the end of the
// run in the stream.
const atOnce = 2 * time.Second

// debounce is how long signals after the first one count as sent with it.
// Closing a terminal window makes both the shell and the kernel send a SIGHUP,
// and timeout(1) sends its signal to the program and then to the program's group.
const debounce = 250 * time.Millisecond

// hurry is the state of the second Ctrl-C.
type hurry struct {
	context.Context // ends with the second Ctrl-C

	mu sync.Mutex
	// leave removes what must not remain.
	leave func()
}

// leaving sets what to remove if the program ends at once.
func (h *hurry) leaving(leave func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leave = leave
}

// exit ends the program.
func (h *hurry) exit(status int) {
	h.mu.Lock() // stays locked until the program exits
	if h.leave != nil {
		h.leave()
	}
	os.Exit(status)
}

// hurryKey is the key of a context's hurry.
type hurryKey struct{}

// hurryOf returns the hurry of a context, or one that never ends if the context has none.
func hurryOf(ctx context.Context) *hurry {
	if h, ok := ctx.Value(hurryKey{}).(*hurry); ok {
		return h
	}
	return &hurry{Context: context.Background()}
}

// heedSignals returns a context that ends with the first Ctrl-C, so that running jobs can be stopped
// and recorded. The second Ctrl-C kills them, and ends the program soon after that, whatever it waits
// for. SIGQUIT has the same effect: the Go runtime would end the program and leave the command and its
// logs behind.
func heedSignals() context.Context {
	kill, killed := context.WithCancelCause(context.Background())
	h := &hurry{Context: kill}
	ctx, cancel := context.WithCancelCause(context.WithValue(context.Background(), hurryKey{}, h))
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	if !signal.Ignored(syscall.SIGHUP) { // ignored under nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	// Writing to a closed pipe should be an error, not end the program. Ignoring the signal would make
	// the commands ignore it too.
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

// heed returns when a signal demands the end at once: SIGQUIT, or the second of the other signals. On
// the first of the other signals it calls stop.
func heed(signals <-chan os.Signal, stop func()) {
	if <-signals == syscall.SIGQUIT {
		return
	}
	first := time.Now()
	stop()
	for !insists(<-signals, first) {
	}
}

// insists reports whether a later signal is a user's request to end at once. SIGHUP never is: it means
// that the terminal is gone.
func insists(signal os.Signal, first time.Time) bool {
	switch signal {
	case syscall.SIGQUIT:
		return true
	case syscall.SIGHUP:
		return false
	}
	return time.Since(first) >= debounce
}
