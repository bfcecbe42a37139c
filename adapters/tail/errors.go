package tail

import (
	"errors"
	"fmt"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
)

// ErrRewritten reports that the file is no longer the one that was read. Discard what was read of it;
// [Stream.Restart] starts reading the new file.
var ErrRewritten = errors.New("the file has been rewritten")

// ErrIdle reports that the stream has nothing to read and is not expected to grow soon: see
// [Options.Quiet] and [Options.Over].
var ErrIdle = errors.New("the stream has not grown for long")

// LineTooLongError reports a complete line that is longer than [Options.MaxLine].
type LineTooLongError struct {
	// Path is the path of the stream.
	Path string
	// Offset is where the line begins.
	Offset int64
	// First are the first bytes of the line, up to four of them.
	First []byte
	// Max is the maximum length of a line.
	Max int
	// End is the offset after the line.
	End int64
}

func (e *LineTooLongError) Error() string {
	return fmt.Sprintf("%s: the line at byte %d is longer than %d bytes", printable.Name(e.Path), e.Offset, e.Max)
}

// UnreadableError reports a folder or file that cannot be examined, or a link to a folder, which
// Follow does not enter. Streams may be missing. [Options.Warn] receives it.
type UnreadableError struct {
	Path string
	Err  error
}

func (e *UnreadableError) Error() string { return printable.Error(e.Err).Error() }
func (e *UnreadableError) Unwrap() error { return e.Err }

func notRegular(path string) error {
	return fmt.Errorf("%s: is not a file that can be followed", printable.Name(path))
}

func rewritten(path, how string) error {
	return fmt.Errorf("%s: %w: %s", printable.Name(path), ErrRewritten, how)
}

func readFailed(path string, offset int64, err error) error {
	return fmt.Errorf("%s: read at byte %d: %w", printable.Name(path), offset, printable.Error(err))
}
