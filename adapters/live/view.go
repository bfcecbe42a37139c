package live

import (
	"context"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/quire-ci/quire-project/domain"
)

// View shows runs. Its methods may be called by several goroutines at once, but
// the entries of one run by one at a time, in order.
type View interface {
	// Take shows what some entries have done to a run. They are not kept.
	Take(run domain.RunID, entries []domain.Entry)
	// Restart forgets a run: its stream has been replaced by another one.
	Restart(run domain.RunID)
	// Release says that a run will not go on soon: when it does, all of its entries come
	// again first, by Replay.
	Release(run domain.RunID)
	// Replay is Take for entries that were shown before.
	Replay(run domain.RunID, entries []domain.Entry)
	// Trouble shows why a run is not read on. More entries end the trouble.
	Trouble(run domain.RunID, message string)
	// Waiting shows what a run waits for, which is not its fault; "" is for one that
	// waits no more. More entries end it too.
	Waiting(run domain.RunID, message string)
	// Close shows the end, and returns the first error of writing. It waits for whoever
	// reads, but not for long once the view's context is done.
	Close() error
}

// Options are how a view looks.
type Options struct {
	// Plain is a view without colours. It has none either where NO_COLOR is
	// set, see no-color.org.
	Plain bool
	// Wait has lines wait for whoever reads them, and holds up those who call the view.
	// Else some are left out where a reader pauses for long, and how many is said.
	Wait bool
}

// Open returns the view that out can show: a [Terminal] on a terminal, else
// [Lines]. When ctx is done, all is to end.
func Open(ctx context.Context, out io.Writer, options Options) View {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || os.Getenv("TERM") == "dumb" {
		return NewLines(NewQueue(ctx, out, options.Wait))
	}
	return newTerminal(ctx, file, sizeOf(file), !options.Plain && os.Getenv("NO_COLOR") == "", time.Now)
}
