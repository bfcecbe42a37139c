package live

import (
	"context"
	"io"
	"time"

	"github.com/quire-ci/quire-project/adapters/terminal"
	"github.com/quire-ci/quire-project/domain"
)

// View shows runs. Several goroutines may call its methods at once, but the entries of one run must
// come in order, one call at a time.
type View interface {
	// Take shows the effect of some entries on a run. It does not keep them.
	Take(run domain.RunID, entries []domain.Entry)
	// Restart forgets a run, because another stream has replaced the run's stream.
	Restart(run domain.RunID)
	// Release says that no entries of the run are expected soon. If the run continues later, Replay
	// first receives all of its earlier entries.
	Release(run domain.RunID)
	// Replay is Take for entries that were shown before.
	Replay(run domain.RunID, entries []domain.Entry)
	// Trouble shows why reading a run has stopped. Further entries clear it.
	Trouble(run domain.RunID, message string)
	// Waiting shows what an otherwise healthy run waits for; "" means that it no longer waits. Further
	// entries clear it too.
	Waiting(run domain.RunID, message string)
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
