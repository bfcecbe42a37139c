package jsonl

import (
	"bytes"
	"context"
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

// Writer is a sink that writes a stream: each event as one whole line in one write,
// without a buffer, so that after a crash only the last line can be torn. It is safe for
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

// WriteSucceeded makes the writer write "succeeded" for a complete job, as later producers do.
// Call it before the first event.
func (w *Writer) WriteSucceeded() { w.succeeded = true }

// Emit writes the event's line. After a failed write, which may have left half a line, it
// writes nothing more and returns the same error: the torn line stays the last one.
func (w *Writer) Emit(event domain.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	line, err := Append(w.line[:0], &event)
	if err != nil {
		return err // nothing was written: the next event can follow
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

// Close does nothing: out belongs to the caller of NewWriter.
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

// Close removes the file if it is empty.
func (f streamFile) Close() error {
	info, err := f.Stat()
	err = errors.Join(err, f.lost(), f.File.Close())
	if err == nil && info.Size() == 0 {
		err = os.Remove(f.Name())
	}
	return err
}

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

// ErrStreamExists is returned for a target that exists: a stream is the only
// record of its run, and never overwritten.
var ErrStreamExists = errors.New("the stream exists already, and a stream is never overwritten; name another file")

// ErrStreamLost is returned for a stream whose file has been removed, moved or replaced
// while it was written.
var ErrStreamLost = errors.New("the stream was removed, moved or replaced while it was written; keep it where no command of the run does that")

// OpenSink opens what a user names as the target of a stream: null or nothing, for which events are
// dropped, stdout, or the path of a file, which must not exist. A named pipe is open once
// it has a reader; the end of ctx ends the wait. safe, when set, wraps what stdout and devices
// are written through, since they may be terminals. Closing a stream without events removes
// its file, so that the same target can be opened again.
func OpenSink(ctx context.Context, target string, stdout io.Writer, safe func(io.Writer) io.Writer) (Sink, error) {
	if safe == nil {
		safe = func(out io.Writer) io.Writer { return out }
	}
	switch target {
	case "", "null":
		return NewWriter(io.Discard), nil
	case "stdout":
		return NewWriter(safe(stdout)), nil
	}
	type result struct {
		sink Sink
		err  error
	}
	opened := make(chan result, 1)
	go func() {
		sink, err := openFile(target, safe)
		opened <- result{sink, err}
	}()
	select {
	case r := <-opened:
		return r.sink, r.err
	case <-ctx.Done():
		go func() {
			if r := <-opened; r.err == nil {
				_ = r.sink.Close()
			}
		}()
		return nil, context.Cause(ctx)
	}
}

func openFile(path string, safe func(io.Writer) io.Writer) (Sink, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o666)
	if err == nil {
		return fileSink{NewWriter(streamFile{file}), streamFile{file}}, nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return nil, printable.Error(err)
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("%s: it is a folder; name a file in it", printable.Name(path))
	case err != nil || info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: %w", printable.Name(path), ErrStreamExists)
	}
	// A pipe or a device keeps no stream that could be overwritten.
	if file, err = os.OpenFile(path, os.O_WRONLY, 0); err != nil {
		return nil, printable.Error(err)
	}
	return fileSink{NewWriter(safe(file)), file}, nil
}
