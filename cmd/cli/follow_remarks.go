package cli

import (
	"context"
	"io"
	"slices"
	"sync"

	"github.com/quire-ci/quire-project/adapters/live"
)

// remarks are what is said to people beside the view, each thing once. They are
// said at once, unless a frame is drawn on the same terminal: then when it is
// drawn no more.
type remarks struct {
	stderr io.Writer
	out    *live.Queue // what is said to stderr: it may be a pager's too

	mu   sync.Mutex
	hold bool
	held []string
	said map[string]bool
}

func newRemarks(ctx context.Context, stderr io.Writer) *remarks {
	return &remarks{stderr: stderr, out: live.NewQueue(ctx, stderr, false), said: map[string]bool{}}
}

// holdFor holds words back if they would get into what a view draws.
func (w *remarks) holdFor(view live.View) {
	_, drawn := view.(*live.Terminal)
	w.hold = drawn && terminal(w.stderr) != nil
}

// once says something that is worth saying once: a stream that is changed again
// and again has the same fault each time.
func (w *remarks) once(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.said[text] {
		w.said[text] = true
		w.put(text)
	}
}

// now says something that may be said again.
func (w *remarks) now(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.put(text)
}

// maxHeld is how many words are held back: the first and the last ones of them.
const maxHeld = 1000

func (w *remarks) put(text string) {
	if !w.hold {
		say(w.out, text)
		return
	}
	if w.held = append(w.held, text); len(w.held) > maxHeld {
		w.held = slices.Delete(w.held, maxHeld/2, maxHeld/2+1)
	}
}

// release says what was held back.
func (w *remarks) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, text := range w.held {
		say(w.out, text)
	}
	w.hold, w.held = false, nil
}

// end says what the command ends with, and returns the status that is left of it.
func (w *remarks) end(err error) error {
	w.release()
	tell(w.out, err)
	_ = w.out.Close() // there is nowhere to tell it
	if err == nil {
		return nil
	}
	return endWith(statusOf(err))
}
