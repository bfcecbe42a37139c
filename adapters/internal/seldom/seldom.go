// Package seldom limits how often a message is logged.
package seldom

import (
	"sync"
	"time"
)

// Every is how long the same words are not said again.
const Every = time.Minute

// most is how many words are remembered.
const most = 1000

// Words are what was said. The zero value is ready, and safe for concurrent use.
type Words struct {
	mu   sync.Mutex
	said map[string]time.Time
}

// New reports whether words are to be said: they were not, for a while.
func (w *Words) New(words string) bool { return w.new(words, time.Now()) }

func (w *Words) new(words string, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at, said := w.said[words]; said && now.Sub(at) < Every {
		return false
	}
	if w.said == nil || len(w.said) >= most {
		w.said = map[string]time.Time{} // then some are said again sooner
	}
	w.said[words] = now
	return true
}
