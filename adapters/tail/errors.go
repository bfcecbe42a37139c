package tail

import (
	"errors"
	"fmt"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
)

// ErrRewritten says that a file is no longer the one that was read: what has
// been given of it does not count. [Stream.Restart] reads the new one.
var ErrRewritten = errors.New("the file has been rewritten")

// ErrIdle says that there is nothing to read, and will not be soon: see [Options.Quiet]
// and [Options.Over].
var ErrIdle = errors.New("the stream has not grown for long")

// LineTooLongError says that a line, which has ended, is longer than [Options.MaxLine].
type LineTooLongError struct {
	// Path is the stream's.
	Path string
	// Offset is where the line begins.
	Offset int64
	// First are the first bytes of the line, up to four of them.
	First []byte
	// Max is how long it might be.
	Max int
	// End is the offset behind its end.
	End int64
}

func (e *LineTooLongError) Error() string {
	return fmt.Sprintf("%s: the line at byte %d is longer than %d bytes", printable.Name(e.Path), e.Offset, e.Max)
}

// UnreadableError says that a folder, or a file in one, cannot be looked at, or that a
// link to a folder is not entered, so that streams may be missing. [Options.Warn] is told.
type UnreadableError struct {
	Path string
	Err  error
}

func (e *UnreadableError) Error() string { return printable.Error(e.Err).Error() }
func (e *UnreadableError) Unwrap() error { return e.Err }

func notRegular(path string) error {
	return fmt.Errorf("%s: is not a file that can be read on as it grows", printable.Name(path))
}

func rewritten(path, how string) error {
	return fmt.Errorf("%s: %w: %s", printable.Name(path), ErrRewritten, how)
}

func readFailed(path string, offset int64, err error) error {
	return fmt.Errorf("%s: read at byte %d: %w", printable.Name(path), offset, printable.Error(err))
}
