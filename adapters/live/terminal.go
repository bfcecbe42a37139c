package live

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/quire-ci/quire-project/domain"
)

// Terminal shows runs as a frame. It redraws the frame after changes, at most ten times a second, and
// once a second to update running times.
type Terminal struct {
	*Board
	size   func() (width, height int)
	color  bool
	now    func() time.Time
	screen screen

	ctx  context.Context
	quit chan struct{}
	done chan struct{} // closed after the last frame

	// The latest frame.
	version       int64
	second        int64
	width, height int
}

// drawEvery is the maximum delay before a change is drawn.
const drawEvery = 100 * time.Millisecond

// newTerminal returns a view that draws on out until Close.
func newTerminal(ctx context.Context, out io.Writer, size func() (int, int), color bool, now func() time.Time) *Terminal {
	t := &Terminal{Board: NewBoard(), size: size, color: color, now: now, screen: screen{out: out}, ctx: ctx, version: -1}
	t.quit, t.done = make(chan struct{}), make(chan struct{})
	go t.show()
	return t
}

// Release does nothing: the run stays visible.
func (t *Terminal) Release(domain.RunID) {}

// Close draws the last frame, which stays visible. It waits for a stopped terminal like [Queue.Close].
func (t *Terminal) Close() error {
	close(t.quit)
	if err := awaitReader(t.ctx, t.done); err != nil {
		return err
	}
	return t.screen.err
}

// show draws until Close.
func (t *Terminal) show() {
	defer close(t.done)
	tick := time.NewTicker(drawEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.draw()
		case <-t.quit:
			t.draw()
			return
		}
	}
}

// draw draws a frame if it may differ from the current one. The frame has one line less than the
// terminal, because the cursor is below it, and one column less, see [screen.draw].
func (t *Terminal) draw() {
	version, now := t.Board.version(), t.now()
	width, height := t.size() // a query is cheap, and works on systems without a signal for size changes
	if width <= 0 || height <= 0 {
		width, height = 80, 24
	}
	if version == t.version && now.Unix() == t.second && width == t.width && height == t.height {
		return
	}
	t.version, t.second, t.width, t.height = version, now.Unix(), width, height
	rows := height - 1
	frame := t.Frame(width-1, rows, now, t.color)
	t.screen.draw(strings.Split(frame, "\n"), width)
}
