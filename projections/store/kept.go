package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"

	"github.com/quire-ci/quire-project/domain"
)

// Kept describes what a store keeps of a run's stream.
type Kept struct {
	// Mark is how far the kept stream reaches. The Lines are not known.
	domain.Mark
	// At is when something was last added, by the clock of the database.
	At time.Time
}

// ErrNotKept is returned where a store does not have the stream of a run.
var ErrNotKept = errors.New("the store does not keep this stream")

// ErrKept is returned for a kept stream whose bytes are not those that were kept.
var ErrKept = errors.New("the kept stream is damaged, or was changed while it was read")

// KeptReader returns a reader of the kept stream of a run, up to the mark end. It reads in pieces,
// so another program can replace the stream meanwhile: if the bytes do not match the mark, the
// reader returns [ErrKept] instead of io.EOF.
func KeptReader(ctx context.Context, s Store, run domain.RunID, end domain.Mark) io.Reader {
	return &keptReader{ctx: ctx, store: s, run: run, end: end, digest: sha256.New()}
}

type keptReader struct {
	ctx    context.Context
	store  Store
	run    domain.RunID
	end    domain.Mark
	at     int64 // the offset after rest
	rest   []byte
	digest hash.Hash
}

func (k *keptReader) Read(p []byte) (int, error) {
	if len(k.rest) == 0 {
		if err := k.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, k.rest)
	k.rest = k.rest[n:]
	return n, nil
}

func (k *keptReader) next() error {
	if k.at == k.end.Bytes {
		if [sha256.Size]byte(k.digest.Sum(nil)) != k.end.SHA256 {
			return fmt.Errorf("run %q: %w", k.run, ErrKept)
		}
		return io.EOF
	}
	piece, err := k.store.Piece(k.ctx, k.run, k.at)
	switch {
	case err != nil:
		return err
	case len(piece) == 0:
		return fmt.Errorf("run %q: it has %d of %d bytes: %w", k.run, k.at, k.end.Bytes, ErrKept)
	}
	k.rest = piece[:min(int64(len(piece)), k.end.Bytes-k.at)]
	k.at += int64(len(k.rest))
	_, _ = k.digest.Write(k.rest) // a hash never fails
	return nil
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

// keep adds parts of the stream. It must be called at least once, since it removes what was kept
// after them.
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

// bytes returns the collected bytes, and drops them.
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
