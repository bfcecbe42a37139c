package terminal

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

// Progress writes lines, and a progress bar below them if the output is a terminal and the work takes
// a while.
type Progress struct {
	// Done counts the bytes that are done.
	Done  atomic.Int64
	out   io.Writer
	quit  chan struct{}
	ended sync.WaitGroup

	mu  sync.Mutex
	bar *progressbar.ProgressBar // nil while no bar is shown
}

const (
	barDelay = 700 * time.Millisecond // how long work runs before the bar appears
	barEvery = 100 * time.Millisecond
)

// NewProgress returns a progress on out. total returns the number of bytes to process, or 0 if
// unknown; with nil, there is no bar.
func NewProgress(out io.Writer, total func() int64) *Progress {
	p := &Progress{out: out, quit: make(chan struct{})}
	if Of(out) != nil && total != nil {
		p.ended.Go(func() { p.show(total()) })
	}
	return p
}

// show draws the bar until Stop. It counts from the start, but the bar appears later.
func (p *Progress) show(total int64) {
	if total == 0 {
		return
	}
	bar := progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(p.out),
		progressbar.OptionShowBytes(true), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetDescription("reading"))
	next := time.NewTimer(barDelay)
	defer next.Stop()
	for {
		select {
		case <-next.C:
			p.locked(func() {
				p.bar = bar
				_ = bar.Set64(min(p.Done.Load(), total))
			})
			next.Reset(barEvery)
		case <-p.quit:
			p.locked(func() {
				p.bar = nil
				_ = bar.Clear()
			})
			return
		}
	}
}

func (p *Progress) locked(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
}

// Write writes whole lines, above the bar.
func (p *Progress) Write(lines []byte) (n int, err error) {
	p.locked(func() {
		if p.bar != nil {
			_ = p.bar.Clear()
		}
		n, err = p.out.Write(lines)
	})
	return n, err
}

// Stop removes the bar. Lines can be written after that.
func (p *Progress) Stop() {
	close(p.quit)
	p.ended.Wait()
}
