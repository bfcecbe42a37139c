package live

import (
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
	// Trouble shows why a run is not read on. More entries end the trouble.
	Trouble(run domain.RunID, message string)
	// Close shows the end, and returns the first error of writing.
	Close() error
}

// Options are how a view looks.
type Options struct {
	// Plain is a view without colours. It has none either where NO_COLOR is
	// set, see no-color.org.
	Plain bool
}

// Open returns the view that out can show: a [Terminal] on a terminal, else
// [Lines].
func Open(out io.Writer, options Options) View {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || os.Getenv("TERM") == "dumb" {
		return NewLines(out)
	}
	return newTerminal(file, sizeOf(file), !options.Plain && os.Getenv("NO_COLOR") == "", time.Now)
}
