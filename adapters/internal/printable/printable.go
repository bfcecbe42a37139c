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
)

// Name returns a name as it is or, if there is something in it that would move a
// cursor, break a line or turn the direction of writing, quoted and escaped.
func Name(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !strconv.IsPrint(r) || r == '\uFFFD' }) {
		return strconv.Quote(name)
	}
	return name
}

// Line returns what an error says as one line: some are of several, and say some of them
// twice.
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

// Reason returns what the first of some known errors says that err is. The rest of what err says
// may be secret.
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
