package jsonl

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/domain"
)

// Sink takes the events of a run as they happen.
type Sink interface {
	// Emit records one event. When it returns, the event has left the process.
	Emit(event domain.Event) error
	// Close ends the stream.
	Close() error
}

// NullSink drops events.
type NullSink struct{}

// Emit does nothing.
func (NullSink) Emit(domain.Event) error { return nil }

// Close does nothing.
func (NullSink) Close() error { return nil }

// Writer is the sink that writes a stream: each event as one whole line in one
// write, with nothing buffered between the event and the file, so that a crash
// leaves a stream that is whole but for its last line. It is safe for
// concurrent use.
type Writer struct {
	mu   sync.Mutex
	out  io.Writer
	line []byte
	err  error

	succeeded bool
}

// NewWriter returns a sink that writes to out, which it does not close.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out} }

// WriteSucceeded makes the writer call a job that is complete "succeeded", as later producers
// do. It is to be called before the first event.
func (w *Writer) WriteSucceeded() { w.succeeded = true }

// Emit writes the event's line. After a write that failed, which may have left
// half a line, nothing more is written: what is torn stays the stream's tail.
func (w *Writer) Emit(event domain.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	line, err := Append(w.line[:0], &event)
	if err != nil {
		return err // nothing was written: the stream is as good as before
	}
	if w.succeeded && event.Kind == domain.JobFinished && event.Outcome == domain.Complete {
		line = append(bytes.TrimSuffix(line, []byte("complete\"}\n")), "succeeded\"}\n"...)
	}
	w.line = line
	n, err := w.out.Write(line)
	if err == nil && n < len(line) {
		err = io.ErrShortWrite
	}
	if err != nil {
		w.err = fmt.Errorf("write the event stream: %w", printable.Error(err))
	}
	return w.err
}

// Close does nothing: the writer is its caller's.
func (w *Writer) Close() error { return nil }

// fileSink is a Writer that owns its file.
type fileSink struct {
	*Writer
	file io.Closer
}

func (s fileSink) Close() error { return printable.Error(s.file.Close()) }

// streamFile is the file that keeps a run's record. It fails once its path no longer leads
// to it: nobody would find what is written from then on.
type streamFile struct{ *os.File }

func (f streamFile) Write(p []byte) (int, error) {
	if err := f.lost(); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f streamFile) Close() error { return errors.Join(f.lost(), f.File.Close()) }

func (f streamFile) lost() error {
	written, err := f.Stat()
	if err != nil {
		return err
	}
	if named, err := os.Stat(f.Name()); err != nil || !os.SameFile(named, written) {
		return fmt.Errorf("%s: %w", printable.Name(f.Name()), ErrStreamLost)
	}
	return nil
}

// Target is where a stream is written to: dropped, standard output or a file.
type Target struct {
	kind targetKind
	path string
}

type targetKind uint8

const (
	targetNull targetKind = iota
	targetStdout
	targetFile
)

// ParseTarget reads a target as users write it: null, stdout, or the path of a
// file. The empty string is null.
func ParseTarget(s string) Target {
	switch s {
	case "", "null":
		return Target{kind: targetNull}
	case "stdout":
		return Target{kind: targetStdout}
	}
	return Target{kind: targetFile, path: s}
}

// String returns the target as users write it.
func (t Target) String() string {
	switch t.kind {
	case targetNull:
		return "null"
	case targetStdout:
		return "stdout"
	}
	return t.path
}

// ErrStreamExists is returned for a target that exists: a stream is the only
// record of its run, and never overwritten.
var ErrStreamExists = errors.New("the stream exists already, and a stream is never overwritten; name another file")

// ErrStreamLost is returned for a stream whose file has been removed, moved or replaced
// while it was written.
var ErrStreamLost = errors.New("the stream was removed, moved or replaced while it was written; keep it where no command of the run does that")

// Open opens the target. stdout is what stands for standard output.
func (t Target) Open(stdout io.Writer) (Sink, error) {
	switch t.kind {
	case targetNull:
		return NullSink{}, nil
	case targetStdout:
		return NewWriter(stdout), nil
	}
	file, err := os.OpenFile(t.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		// A pipe or a device keeps no stream that could be overwritten.
		info, err := os.Stat(t.path)
		if err == nil && info.IsDir() {
			return nil, fmt.Errorf("%s: it is a folder; name a file in it", printable.Name(t.path))
		}
		if err == nil && !info.Mode().IsRegular() {
			file, err := os.OpenFile(t.path, os.O_WRONLY, 0)
			return fileSink{NewWriter(file), file}, err
		}
		return nil, fmt.Errorf("%s: %w", printable.Name(t.path), ErrStreamExists)
	}
	if err != nil {
		return nil, printable.Error(err)
	}
	return fileSink{NewWriter(streamFile{file}), streamFile{file}}, nil
}
