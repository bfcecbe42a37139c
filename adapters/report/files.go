package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sync"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/runlog"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/parallel"
)

// WriteError is an error of the output, as opposed to one of a stream.
type WriteError struct{ Err error }

func (e *WriteError) Error() string { return "cannot write: " + e.Err.Error() }
func (e *WriteError) Unwrap() error { return e.Err }

// Output wraps each error of a writer in a [WriteError].
type Output struct{ io.Writer }

func (o Output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err != nil && !errors.As(err, new(*WriteError)) {
		err = &WriteError{err}
	}
	return n, err
}

// Files are the options for reports of streams in files.
type Files struct {
	Format  Format
	Options Options
	// Document, if set, receives the runs; Format and the output are not used then.
	Document Document
	// Logs is the folder with the logs. If it is "", only tables and a Document get logs: those
	// beside the streams.
	Logs string
	// Done, if set, is called with the row of each run after its report.
	Done func(*projections.Run)
	// Failed, if set, is called with the error of each stream that cannot be read, if there are
	// several streams.
	Failed func(error)

	out io.Writer
}

// Write writes the reports of streams, one after the other. If there are several, it skips streams
// that cannot be read. It encodes JSON documents on all cores.
//
// If the selection names jobs, each must be in at least one run.
func (f Files) Write(ctx context.Context, out io.Writer, streams jsonl.Streams) error {
	f.Options.Selection.found = &sync.Map{}
	if err := f.write(ctx, out, streams); err != nil {
		return err
	}
	return f.Options.Selection.missing()
}

func (f *Files) write(ctx context.Context, out io.Writer, streams jsonl.Streams) error {
	f.out = Output{out}
	if f.Logs != "" {
		folder, err := os.OpenRoot(f.Logs)
		if err != nil {
			return fmt.Errorf("cannot read the logs: %w", printable.Error(err))
		}
		defer folder.Close()
	}
	if f.Format == JSON && f.Document == nil && streams.Many() {
		return f.sideBySide(ctx, streams)
	}
	writer := &Writer{whole: foreign{f.Document}}
	if f.Document == nil {
		var err error
		if writer, err = NewWriter(f.out, f.Format); err != nil {
			return err
		}
	}
	f.Options.several = f.Format == GitHub && several(streams)
	for at, err := range streams.Locations() {
		if err == nil {
			err = f.file(ctx, streams, at, writer)
		}
		if err != nil && !errors.Is(err, jsonl.ErrNoStream) {
			writer.Unread()
		}
		if err := f.skip(ctx, err, streams.Many()); err != nil {
			return err
		}
	}
	return writer.Close()
}

func (f *Files) file(ctx context.Context, streams jsonl.Streams, at jsonl.Location, writer *Writer) error {
	entries, err := streams.Open(ctx, at, streams.Options, true)
	if err != nil {
		return err
	}
	defer entries.Close()
	options := f.Options
	options.Live = !entries.Regular
	if k, _ := f.Format.kind(); f.Format == Table || f.Document != nil || f.Logs != "" && k.Takes&TakesLogs != 0 {
		if dir, err := runlog.Open(at, f.Logs); err == nil { // a run without logs is reported without them
			defer dir.Close()
			options.Logs = dir
		}
	}
	run, err := writer.Add(at.Run, entries, options)
	if err == nil && f.Done != nil {
		f.Done(&run)
	}
	return err
}

// skip reports the error of one of several streams. It returns an error if the work cannot
// continue.
func (f *Files) skip(ctx context.Context, err error, several bool) error {
	if err == nil || !several || ctx.Err() != nil || errors.As(err, new(*WriteError)) {
		return err
	}
	if f.Failed != nil {
		f.Failed(err)
	}
	return nil
}

// sideBySide makes the documents of several runs at once, on all cores, and writes them in the
// order of the streams.
func (f *Files) sideBySide(ctx context.Context, streams jsonl.Streams) error {
	type document struct {
		run   projections.Run
		parts []*part
		err   error
	}
	fold := func(found found, yield func(*document) bool) {
		d := &document{err: found.err}
		if d.err == nil {
			d.run, d.parts, d.err = f.fold(ctx, streams, found.at)
		}
		yield(d)
	}
	for d := range parallel.InOrder(ctx, pairs(streams.Locations()), fold) {
		if d.err == nil {
			d.err = writeParts(f.out, d.parts, f.Options)
		}
		if d.err == nil && f.Done != nil {
			f.Done(&d.run)
		}
		if err := f.skip(ctx, d.err, true); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (f *Files) fold(ctx context.Context, streams jsonl.Streams, at jsonl.Location) (run projections.Run, parts []*part, err error) {
	entries, err := streams.Open(ctx, at, streams.Options, false)
	if err != nil {
		return run, nil, err
	}
	defer entries.Close()
	return foldDocument(at.Run, entries, f.Options)
}

// found is a stream, or the error of finding it.
type found struct {
	at  jsonl.Location
	err error
}

func pairs(all iter.Seq2[jsonl.Location, error]) iter.Seq[found] {
	return func(yield func(found) bool) {
		for at, err := range all {
			if !yield(found{at, err}) {
				return
			}
		}
	}
}
