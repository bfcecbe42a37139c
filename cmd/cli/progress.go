package cli

import (
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// progress writes to standard error, with a progress bar if that is a terminal and the work takes a
// while. Lines that are written appear above the bar.
type progress struct {
	stderr io.Writer
	read   atomic.Int64
	quit   chan struct{}
	ended  sync.WaitGroup

	mu  sync.Mutex
	bar *progressbar.ProgressBar // nil while no bar is shown
}

// progressDelay is how long work runs before the bar appears.
const progressDelay = 700 * time.Millisecond

// newProgress shows how much of the streams has been read, unless quiet is set.
func (p *app) newProgress(streams *jsonl.Streams, quiet bool) *progress {
	bar := &progress{stderr: p.err, quit: make(chan struct{})}
	streams.Read = &bar.read
	if terminal := command.Terminal(p.err); terminal != nil && !quiet {
		bar.ended.Go(func() { bar.show(terminal, streams.Size()) })
	}
	return bar
}

// show draws the bar until stop. It counts from the start, but the bar appears later.
func (p *progress) show(terminal *os.File, total int64) {
	if total == 0 {
		return // the size of a pipe's input is unknown
	}
	bar := progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(&late{terminal, time.Now().Add(progressDelay)}),
		progressbar.OptionShowBytes(true), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetDescription("reading"))
	p.draw(func() { p.bar = bar })
	defer p.draw(func() {
		_ = bar.Clear()
		p.bar = nil
	})
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.draw(func() { _ = bar.Set64(min(p.read.Load(), total)) })
		case <-p.quit:
			return
		}
	}
}

// draw calls do under the lock of the terminal.
func (p *progress) draw(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
}

// Write writes whole lines.
func (p *progress) Write(lines []byte) (n int, err error) {
	p.draw(func() {
		if p.bar != nil {
			_ = p.bar.Clear()
		}
		n, err = p.stderr.Write(lines)
	})
	return n, err
}

// late drops output before a given time.
type late struct {
	out  io.Writer
	from time.Time
}

func (l *late) Write(p []byte) (int, error) {
	if time.Now().Before(l.from) {
		return len(p), nil
	}
	return l.out.Write(p)
}

// stop removes the bar.
func (p *progress) stop() {
	close(p.quit)
	p.ended.Wait()
}
