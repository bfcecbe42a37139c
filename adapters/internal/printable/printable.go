// Package printable makes untrusted names safe for errors and logs, which end up on
// terminals.
package printable

import (
	"context"
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/quire-ci/quire-project/projections/store"
)

// Name returns a name unchanged if it is safe to print. A name that would move the cursor, break a
// line or change the direction of text is quoted and escaped.
func Name(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !strconv.IsPrint(r) || r == '\uFFFD' }) {
		return strconv.Quote(name)
	}
	return name
}

// Line returns the message of an error as one line, without the repetitions in messages that join
// several errors.
func Line(text string) string {
	return Name(strings.Join(slices.Compact(lineBreak.Split(text, -1)), " "))
}

var lineBreak = regexp.MustCompile(`[ \t]*\n[ \t]*`)

// Error makes the path in what package os gives fit to be printed.
func Error(err error) error {
	if path, ok := err.(*fs.PathError); ok {
		return &fs.PathError{Op: path.Op, Path: Name(path.Path), Err: path.Err}
	}
	return err
}

// Reason returns the message of the first of the known errors that err is. The rest of err's
// message may be secret.
func Reason(err error, known ...error) string {
	for _, meaning := range known {
		if errors.Is(err, meaning) {
			return meaning.Error()
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return "an error that is in the log"
}

// StoreReason is Reason for an error of a store.
func StoreReason(err error) string {
	if errors.Is(err, store.ErrOtherVersion) && !errors.Is(err, store.ErrNewerSchema) {
		return err.Error() // of names and numbers
	}
	return Reason(err, store.ErrFull, store.ErrReadOnly, store.ErrLocked, store.ErrNewerSchema, store.ErrForeign, store.ErrAway)
}
