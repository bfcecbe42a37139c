package jsonl

import (
	"errors"
	"fmt"
	"io"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
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
	return fmt.Sprintf("%s:%d:%d: malformed line at byte %d: %s", printable.Name(e.Name), e.Line, e.Column, e.ByteOffset(), e.Reason)
}

// LineTooLong is what a reader says of a line that is longer than limit, and begins with first.
func LineTooLong(name string, at domain.Position, first []byte, limit int) *MalformedError {
	skipMark(first, &at)
	fault := tooLong(limit)
	return &MalformedError{Name: name, Position: at, Column: int64(fault.at) + 1, Reason: fault.reason}
}

func tooLong(limit int) *fault {
	return &fault{limit, fmt.Sprintf("the line is longer than %d bytes", limit)}
}

// readError is what a stream ends with when reading it has failed. It never
// passes for the end of the stream, even if the cause does: only an io.EOF
// that is returned as it is says that all was read.
type readError struct {
	name  string
	at    int64
	cause error
}

func (e *readError) Error() string {
	return fmt.Sprintf("%s: read at byte %d: %v", printable.Name(e.name), e.at, printable.Error(e.cause))
}

func (e *readError) Unwrap() error {
	if errors.Is(e.cause, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return e.cause
}

// fault is what a decoder says of a line: the index of the byte at fault, and
// why.
type fault struct {
	at     int
	reason string
}
