package live

import (
	"context"
	"io"
	"time"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/terminal"
)

// View shows runs that are followed. Further entries of a run clear its trouble, and what it waits
// for.
type View interface {
	follow.View
	// Close shows the final state, and returns the first error of writing. It waits for the reader,
	// but only for a short time once the view's context is done.
	Close() error
}

// Options are the options of a view.
type Options struct {
	// Color makes a [Terminal] use colours, see [terminal.Colors].
	Color bool
	// Wait makes callers of the view wait while the reader pauses. Otherwise the view drops lines
	// during a long pause, and writes how many it dropped.
	Wait bool
}

// Open returns the view that suits out: a [Terminal] for a terminal, otherwise [Lines]. When ctx is
// done, the view is about to be closed, and waits no longer for the reader.
func Open(ctx context.Context, out io.Writer, options Options) View {
	if !terminal.IsCapable(out) {
		return NewLines(NewQueue(ctx, out, options.Wait))
	}
	return newTerminal(ctx, out, func() (int, int) { return terminal.Size(out) }, options.Color, time.Now)
}
