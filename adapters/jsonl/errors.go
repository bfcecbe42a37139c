package jsonl

import (
	"errors"
	"fmt"
	"io"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/domain"
)

// MalformedError says where and why a line is no event. It never quotes the line: a
// command can hold a secret.
type MalformedError struct {
	// Name is the name of the stream, see [Options].
	Name string
	// Position is the start of the line.
	domain.Position
	// Column is the byte of the line that is at fault, counted from 1.
	Column int64
	// Reason says what is wrong, without quoting a value of the line.
	Reason string
}

// ByteOffset returns the offset of the byte at fault in the stream, from 0.
func (e *MalformedError) ByteOffset() int64 { return e.Offset + e.Column - 1 }

func (e *MalformedError) Error() string {
	return fmt.Sprintf("%s:%d:%d: malformed line at byte %d: %s", printable.Name(e.Name), e.Line, e.Column, e.ByteOffset(), e.Reason)
}

// LineTooLong returns the error of a reader for a line that is longer than limit and begins
// with first.
func LineTooLong(name string, at domain.Position, first []byte, limit int) *MalformedError {
	skipMark(first, &at)
	fault := tooLong(limit)
	return &MalformedError{Name: name, Position: at, Column: int64(fault.at) + 1, Reason: fault.reason}
}

func tooLong(limit int) *fault {
	return &fault{limit, fmt.Sprintf("the line is longer than %d bytes", limit)}
}

// readError is the error of a stream that could not be read. It is never io.EOF, even if
// its cause is: only an io.EOF without a wrapper means that the whole stream was read.
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

// fault says why a line is no event, and the index of the byte at fault.
type fault struct {
	at     int
	reason string
}
