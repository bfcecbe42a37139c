package jsonl

import (
	"os"
	"sync"

	"github.com/quire-ci/quire-project/domain"
)

// Ahead decodes on its own goroutine, some batches before Next is called, so that decoding and
// folding each have a core. It is a projections.Stream.
type Ahead struct {
	reader *Reader
	full   chan decoded
	spare  chan []domain.Entry
	stop   chan struct{}
	start  sync.Once      // of the goroutine
	once   sync.Once      // closes stop
	held   []domain.Entry // the last result of Next
	err    error
}

type decoded struct {
	entries []domain.Entry
	err     error
}

// A batch is so large that its hand-over costs nothing per event, and so small that all
// batches fit into the cache that the cores share.
const (
	aheadBatches = 4
	aheadEntries = 1024
)

// NewAhead returns what decodes with reader from the first call of Next on. Do not use reader
// yourself from then on.
func NewAhead(reader *Reader) *Ahead {
	a := &Ahead{
		reader: reader,
		full:   make(chan decoded, aheadBatches),
		spare:  make(chan []domain.Entry, aheadBatches+1),
		stop:   make(chan struct{}),
	}
	for range aheadBatches {
		a.spare <- nil
	}
	return a
}

func (a *Ahead) run() {
	for {
		var batch []domain.Entry
		select {
		case batch = <-a.spare:
		case <-a.stop:
			return
		}
		batch, err := a.reader.Append(batch[:0], aheadEntries)
		a.full <- decoded{batch, err} // never blocks: the number of batches is limited
		if err != nil {
			return
		}
	}
}

// Next returns the next entries, at least one, or an error. The slice is valid
// until the next call.
func (a *Ahead) Next() ([]domain.Entry, error) {
	if a.err != nil {
		return nil, a.err
	}
	a.start.Do(func() { go a.run() })
	if a.held != nil {
		a.spare <- a.held
	}
	select {
	case batch := <-a.full:
		a.held, a.err = batch.entries, batch.err
	case <-a.stop:
		a.held, a.err = nil, os.ErrClosed
	}
	return a.held, a.err
}

// Close stops the goroutine, as soon as its current read returns, and makes a waiting Next
// return. It does not close the source of the reader.
func (a *Ahead) Close() { a.once.Do(func() { close(a.stop) }) }
