// Package throttle keeps texts that repeat from filling a log.
package throttle

import (
	"sync"
	"time"
)

// Every is how long a text is suppressed after it was logged.
const Every = time.Minute

// most is how many texts are remembered.
const most = 1000

// Texts are the texts that were logged. The zero value is ready, and safe for concurrent use.
type Texts struct {
	mu     sync.Mutex
	logged map[string]time.Time
}

// Allow reports whether to log a text: it was not logged within the last minute.
func (t *Texts) Allow(text string) bool { return t.allow(text, time.Now()) }

func (t *Texts) allow(text string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at, logged := t.logged[text]; logged && now.Sub(at) < Every {
		return false
	}
	if t.logged == nil || len(t.logged) >= most {
		t.logged = map[string]time.Time{} // some are logged again sooner
	}
	t.logged[text] = now
	return true
}
