package jsonl

import (
	"fmt"
	"strings"

	"github.com/quire-ci/quire-project/domain"
)

// MalformedError says that a line is no event, where and why. It never quotes
// the line: a command can hold a secret.
type MalformedError struct {
	// Name is the stream's, as it was given to the reader.
	Name string
	// Position is where the line starts.
	domain.Position
	// Column counts the line's bytes from 1 to the one that is at fault.
	Column int64
	// Reason says what is wrong, in words that hold nothing of the line's values.
	Reason string
}

// ByteOffset returns where in the stream the byte at fault stands, from 0.
func (e *MalformedError) ByteOffset() int64 { return e.Offset + e.Column - 1 }

func (e *MalformedError) Error() string {
	return fmt.Sprintf("%s:%d:%d: malformed line at byte %d: %s", printable(e.Name), e.Line, e.Column, e.ByteOffset(), e.Reason)
}

// printable makes the name of a file fit to be printed: what would move a
// cursor or break a line is escaped.
func printable(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) {
		return fmt.Sprintf("%q", name)
	}
	return name
}

// fault is what a decoder says of a line: the index of the byte at fault, and
// why.
type fault struct {
	at     int
	reason string
}
