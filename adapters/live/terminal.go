package live

import (
	"context"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/quire-ci/quire-project/domain"
)

// Terminal shows runs as a frame that is drawn again when something has changed,
// at most ten times a second, and once a second for the running times.
type Terminal struct {
	board  *Board
	size   func() (width, height int)
	color  bool
	now    func() time.Time
	screen screen

	ctx  context.Context
	quit chan struct{}
	done chan struct{} // closed when the last frame is drawn

	// What was drawn last.
	version       int64
	second        int64
	width, height int
}

// drawEvery is how long a change may wait to be drawn.
const drawEvery = 100 * time.Millisecond

// newTerminal returns a view that draws on out until it is closed.
func newTerminal(ctx context.Context, out io.Writer, size func() (int, int), color bool, now func() time.Time) *Terminal {
	t := &Terminal{board: NewBoard(), size: size, color: color, now: now, screen: screen{out: out}, ctx: ctx, version: -1}
	t.quit, t.done = make(chan struct{}), make(chan struct{})
	go t.show()
	return t
}

// sizeOf returns a function that asks a terminal for its size. To ask is cheap, and
// works where no signal tells that it has changed.
func sizeOf(file *os.File) func() (int, int) {
	return func() (int, int) {
		width, height, err := term.GetSize(int(file.Fd()))
		if err != nil || width <= 0 || height <= 0 {
			return 80, 24
		}
		return width, height
	}
}

// Take shows what some entries have done to a run.
func (t *Terminal) Take(run domain.RunID, entries []domain.Entry) { t.board.Take(run, entries) }

// Restart shows a run as one of which nothing has been read.
func (t *Terminal) Restart(run domain.RunID) { t.board.Restart(run) }

// Release does nothing: the run is still shown.
func (t *Terminal) Release(domain.RunID) {}

// Replay does nothing: what was shown before is still known.
func (t *Terminal) Replay(domain.RunID, []domain.Entry) {}

// Trouble shows why a run is not read on.
func (t *Terminal) Trouble(run domain.RunID, message string) { t.board.Trouble(run, message) }

// Waiting shows what a run waits for.
func (t *Terminal) Waiting(run domain.RunID, message string) { t.board.Waiting(run, message) }

// Close draws the last frame, which stays. A terminal that is stopped is waited for as
// [Queue.Close] waits.
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

// draw draws a frame, if it may differ from the one that is there. A frame has a
// line less than the terminal, since the cursor is below it, and a column less, see
// [screen.draw].
func (t *Terminal) draw() {
	version, now := t.board.version(), t.now()
	width, height := t.size()
	if version == t.version && now.Unix() == t.second && width == t.width && height == t.height {
		return
	}
	t.version, t.second, t.width, t.height = version, now.Unix(), width, height
	rows := height - 1
	frame := t.board.Frame(width-1, rows, now, t.color)
	t.screen.draw(strings.Split(frame, "\n"), width)
}
