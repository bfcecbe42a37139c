package cli

import (
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/quire-ci/quire-project/adapters/jsonl"
)

// progress is a bar on standard error, for work that takes a while, where
// somebody looks. Where nobody does, it is only what it is as a writer:
// standard error.
type progress struct {
	sources sources
	before  atomic.Int64 // bytes of streams that have been read
	current atomic.Pointer[jsonl.File]
	quit    chan struct{}
	ended   sync.WaitGroup

	drawing sync.Mutex // held by who writes to standard error
	stderr  io.Writer
	bar     *progressbar.ProgressBar // nil while there is none
}

// Work that is done by then has no bar.
const progressDelay = 700 * time.Millisecond

func newProgress(stderr io.Writer, sources sources, quiet bool) *progress {
	p := &progress{sources: sources, quit: make(chan struct{}), stderr: stderr}
	file := terminal(stderr)
	if file == nil || quiet {
		return p
	}
	p.ended.Add(1)
	go p.show(file)
	return p
}

// show draws the bar until stop.
func (p *progress) show(terminal *os.File) {
	defer p.ended.Done()
	total := p.sources.size()
	if total == 0 {
		return // a pipe does not say how much is to come
	}
	p.draw(func() { p.bar = newBar(terminal, total) })
	defer p.draw(func() {
		_ = p.bar.Clear() // it is only to be seen
		p.bar = nil
	})
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.draw(func() { _ = p.bar.Set64(min(p.read(), total)) })
		case <-p.quit:
			return
		}
	}
}

func newBar(terminal *os.File, total int64) *progressbar.ProgressBar {
	return progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(&late{out: terminal, from: time.Now().Add(progressDelay)}),
		progressbar.OptionShowBytes(true),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetDescription("reading"),
	)
}

// draw lets do write while nobody else does.
func (p *progress) draw(do func()) {
	p.drawing.Lock()
	defer p.drawing.Unlock()
	do()
}

// Write writes whole lines to standard error, where the bar is, which is drawn
// again below them.
func (p *progress) Write(lines []byte) (n int, err error) {
	p.draw(func() {
		if p.bar != nil {
			_ = p.bar.Clear()
		}
		n, err = p.stderr.Write(lines)
	})
	return n, err
}

// late lets what is written to it through from a time on. A bar that is drawn
// late has to count from the beginning all the same.
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

// read returns how many bytes have been read.
func (p *progress) read() int64 {
	n := p.before.Load()
	if file := p.current.Load(); file != nil {
		n += file.Done()
	}
	return n
}

// reading says that file is read from now on, and the one before is done.
func (p *progress) reading(file *jsonl.File) {
	if last := p.current.Swap(file); last != nil {
		p.before.Add(last.Done())
	}
}

// counter counts the bytes that others read.
func (p *progress) counter() *atomic.Int64 { return &p.before }

// done says that a file has been read.
func (p *progress) done(file *jsonl.File) { p.before.Add(file.Done()) }

// stop takes the bar away.
func (p *progress) stop() {
	close(p.quit)
	p.ended.Wait()
}
