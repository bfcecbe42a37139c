package tail

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// ErrRewritten says that a file is no longer the one that was read: what has
// been given of it does not count. [Stream.SetOffset] to 0 reads the new one.
var ErrRewritten = errors.New("the file has been rewritten")

// LineTooLongError says that a line is longer than [Options.MaxLine].
type LineTooLongError struct {
	// Path is the stream's.
	Path string
	// Offset is where the line begins.
	Offset int64
	// Max is how long it might be.
	Max int
}

func (e *LineTooLongError) Error() string {
	return fmt.Sprintf("%s: the line at byte %d is longer than %d bytes", printable(e.Path), e.Offset, e.Max)
}

func notRegular(path string) error {
	return fmt.Errorf("%s: is not a file that can be read on as it grows", printable(path))
}

func rewritten(path, how string) error {
	return fmt.Errorf("%s: %w: %s", printable(path), ErrRewritten, how)
}

func readFailed(path string, offset int64, err error) error {
	return fmt.Errorf("%s: read at byte %d: %w", printable(path), offset, printableError(err))
}

// printable makes the name of a file fit to be printed: what would move a
// cursor, break a line or turn the direction of writing is escaped.
func printable(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !strconv.IsPrint(r) || r == '\uFFFD' }) {
		return strconv.Quote(name)
	}
	return name
}

// printableError makes the path in what package os gives fit to be printed.
func printableError(err error) error {
	if path, ok := err.(*fs.PathError); ok {
		return &fs.PathError{Op: path.Op, Path: printable(path.Path), Err: path.Err}
	}
	return err
}
