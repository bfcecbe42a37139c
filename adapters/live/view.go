package live

import (
	"context"
	"io"
	"os"
	"time"

	"golang.org/x/term"

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
	// Plain disables colours. NO_COLOR disables them too, see no-color.org.
	Plain bool
	// Wait makes callers of the view wait while the reader pauses. Otherwise the view drops lines
	// during a long pause, and writes how many it dropped.
	Wait bool
}

// Open returns the view that suits out: a [Terminal] for a terminal, otherwise [Lines]. When ctx is
// done, the view is about to be closed, and waits no longer for the reader.
func Open(ctx context.Context, out io.Writer, options Options) View {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || os.Getenv("TERM") == "dumb" {
		return NewLines(NewQueue(ctx, out, options.Wait))
	}
	return newTerminal(ctx, file, sizeOf(file), !options.Plain && os.Getenv("NO_COLOR") == "", time.Now)
}
