package store

import (
	"sync"
	"time"

	"github.com/quire-ci/quire-project/domain"
)

// Kept says what a store keeps of a run's stream.
type Kept struct {
	// Mark is how far the kept stream reaches. The Lines are not known.
	domain.Mark
	// At is when something was last added, by the clock of the database.
	At time.Time
}

// keeper adds the bytes of a change to the kept stream of a run.
type keeper struct {
	tx  Tx
	run domain.RunID
	at  int64
}

// keeping returns nil if the stream of the change cannot be kept: the store keeps none, or not
// what is before the bytes of the change.
func (c *change) keeping(tx Tx) *keeper {
	if !c.carries || !tx.Keeps() || c.from > 0 && !c.known.Kept {
		return nil
	}
	return &keeper{tx, c.run, c.from}
}

// keep adds parts of the stream. It is called at least once, since what was kept behind them is
// removed.
func (k *keeper) keep(parts [][]byte) error {
	if k == nil {
		return nil
	}
	if len(parts) == 0 {
		parts = [][]byte{nil}
	}
	for _, part := range parts {
		if err := k.tx.Keep(k.run, k.at, part); err != nil {
			return err
		}
		k.at += int64(len(part))
	}
	return nil
}

// tee collects the bytes of a stream while another goroutine reads it.
type tee struct {
	mu   sync.Mutex
	skip int64 // how many bytes are to be left out
	data []byte
}

// teeBytes is how much of a stream a batch of rows carries, and little more.
const teeBytes = 1 << 20

func (t *tee) take(p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(t.skip, int64(len(p)))
	t.skip -= n
	t.data = append(t.data, p[n:]...)
}

// bytes returns what was collected, and forgets it.
func (t *tee) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	data := t.data
	t.data = nil
	return data
}

func (t *tee) size() int {
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.data)
}

func (t *tee) full() bool { return t.size() >= teeBytes }
