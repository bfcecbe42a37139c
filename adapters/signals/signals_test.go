package signals

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// sent is a signal that comes so long after the one before it.
type sent struct {
	after  time.Duration
	signal os.Signal
}

// Signals that come together are one wish.
func TestGestures(t *testing.T) {
	const moment, later = Debounce / 10, 2 * Debounce
	for name, c := range map[string]struct {
		signals      []sent
		stops, kills bool
	}{
		"Ctrl-C":                      {[]sent{{0, os.Interrupt}}, true, false},
		"Ctrl-C, and again":           {[]sent{{0, os.Interrupt}, {later, os.Interrupt}}, true, true},
		"three at one moment":         {[]sent{{0, os.Interrupt}, {moment, os.Interrupt}, {moment, syscall.SIGTERM}}, true, false},
		"timeout":                     {[]sent{{0, syscall.SIGTERM}, {0, syscall.SIGTERM}}, true, false},
		"timeout, and Ctrl-C":         {[]sent{{0, syscall.SIGTERM}, {0, syscall.SIGTERM}, {later, os.Interrupt}}, true, true},
		"a window that is closed":     {[]sent{{0, syscall.SIGHUP}, {moment, syscall.SIGHUP}, {later, syscall.SIGHUP}}, true, false},
		"Ctrl-C, and a closed window": {[]sent{{0, os.Interrupt}, {later, syscall.SIGHUP}}, true, false},
		"a closed window, and kill":   {[]sent{{0, syscall.SIGHUP}, {later, syscall.SIGTERM}}, true, true},
		"Ctrl-\\":                     {[]sent{{0, syscall.SIGQUIT}}, false, true},
		"Ctrl-C, Ctrl-\\":             {[]sent{{0, os.Interrupt}, {moment, syscall.SIGQUIT}}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				signals := make(chan os.Signal, 2)
				stopped, killed := false, false
				go func() {
					heed(signals, func() { stopped = true })
					killed = true
				}()
				for _, s := range c.signals {
					time.Sleep(s.after)
					signals <- s.signal
				}
				synctest.Wait()
				assert.Equal(t, c.stops, stopped, "stopped")
				assert.Equal(t, c.kills, killed, "stopped")
				signals <- syscall.SIGQUIT // or the goroutine would stay
			})
		})
	}
}
