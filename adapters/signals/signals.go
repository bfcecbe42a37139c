// Package signals ends a program in an orderly way when a signal asks for it, and makes it the first
// process of a container.
package signals

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// Status is the exit status of a program that a signal has ended.
const Status = 128 + int(syscall.SIGINT)

// Interrupted is the cause of the end of the contexts of [Heed].
type Interrupted struct{}

func (Interrupted) Error() string { return "interrupted" }

// Ending returns the signals that ask a program to end. SIGQUIT is one of them: the Go runtime would
// end the program and leave temporary files and commands behind. SIGHUP is one unless it is ignored,
// as under nohup(1).
func Ending() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// atOnce is how long a program that was asked to end at once may take to record the end of what it
// runs.
const atOnce = 2 * time.Second

// Debounce is how long signals after the first one count as sent with it.
// Closing a terminal window makes both the shell and the kernel send a SIGHUP,
// and timeout(1) sends its signal to the program and then to the program's group.
const Debounce = 250 * time.Millisecond

// hurry is the state of the second Ctrl-C.
type hurry struct {
	context.Context // ends with the second Ctrl-C

	mu    sync.Mutex
	leave func() // removes what must not remain
}

// hurryKey is the key of a context's hurry.
type hurryKey struct{}

func hurryOf(ctx context.Context) *hurry {
	if h, ok := ctx.Value(hurryKey{}).(*hurry); ok {
		return h
	}
	return &hurry{Context: context.Background()}
}

// Kill returns the context that ends with the second Ctrl-C. ctx descends from the context of [Heed];
// for any other, Kill returns a context that never ends.
func Kill(ctx context.Context) context.Context { return hurryOf(ctx).Context }

// Leaving sets what to remove if the program ends at once after the second Ctrl-C.
func Leaving(ctx context.Context, leave func()) {
	h := hurryOf(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leave = leave
}

// exit ends the program.
func (h *hurry) exit() {
	h.mu.Lock() // stays locked until the program exits
	if h.leave != nil {
		h.leave()
	}
	os.Exit(Status)
}

// Heed returns a context that ends with the first Ctrl-C, so that what runs can be stopped and
// recorded. The second Ctrl-C, or SIGQUIT, ends the context of [Kill], and ends the program soon after
// that, whatever it waits for.
func Heed() context.Context {
	kill, killed := context.WithCancelCause(context.Background())
	h := &hurry{Context: kill}
	ctx, cancel := context.WithCancelCause(context.WithValue(context.Background(), hurryKey{}, h))
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, Ending()...)
	// Writing to a closed pipe should be an error, not end the program. Ignoring the signal would make
	// the commands ignore it too.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	go func() {
		heed(signals, func() { cancel(Interrupted{}) })
		killed(Interrupted{})
		cancel(Interrupted{})
		time.Sleep(atOnce)
		h.exit()
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
	return signal == syscall.SIGQUIT || signal != syscall.SIGHUP && time.Since(first) >= Debounce
}
