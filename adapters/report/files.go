package report

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/parallel"
)

// WriteError is an error of the output, and not of a stream.
type WriteError struct{ Err error }

func (e *WriteError) Error() string { return "cannot write: " + e.Err.Error() }
func (e *WriteError) Unwrap() error { return e.Err }

// Output makes each error of a writer a [WriteError].
type Output struct{ io.Writer }

func (o Output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err != nil && !errors.As(err, new(*WriteError)) {
		err = &WriteError{err}
	}
	return n, err
}

// Files has the options of reports of streams in files.
type Files struct {
	Format  Format
	Options Options
	// Done, if set, is called with the row of each run after its report.
	Done func(*projections.Run)
	// Failed, if set and there are several streams, is called with the error of each stream
	// that could not be read.
	Failed func(error)

	out     io.Writer
	written int
}

// Write writes the reports of streams, one after the other. If there are several, it skips a
// stream that cannot be read. Documents of JSON are made on all cores.
func (f Files) Write(ctx context.Context, out io.Writer, streams jsonl.Streams) error {
	f.out = Output{out}
	if !streams.Many() {
		for at := range streams.Locations() {
			return f.file(ctx, streams, at, f.write)
		}
	}
	if f.Format == JSON {
		return f.sideBySide(ctx, streams)
	}
	var comment Comment
	write := f.write
	if f.Format == Markdown { // all runs are one comment
		write = comment.Add
	}
	for at, err := range streams.Locations() {
		if err == nil {
			err = f.file(ctx, streams, at, write)
		}
		if err != nil && !errors.Is(err, jsonl.ErrNoStream) {
			comment.Unread()
		}
		if err := f.skip(ctx, err); err != nil {
			return err
		}
	}
	if f.Format != Markdown {
		return nil
	}
	_, err := comment.WriteTo(f.out)
	return err
}

// write writes the report of a run. For people, a blank line separates it from others.
func (f *Files) write(run domain.RunID, stream projections.Stream, options Options) (projections.Run, error) {
	out := f.out
	if f.written > 0 && !f.Format.ForMachines() {
		out = &apart{Writer: out}
	}
	return Write(out, f.Format, run, stream, options)
}

// apart writes a blank line before the first text that is written to it.
type apart struct {
	io.Writer
	begun bool
}

func (a *apart) Write(p []byte) (int, error) {
	if !a.begun {
		a.begun = true
		if _, err := io.WriteString(a.Writer, "\n"); err != nil {
			return 0, err
		}
	}
	return a.Writer.Write(p)
}

func (f *Files) file(ctx context.Context, streams jsonl.Streams, at jsonl.Location,
	write func(domain.RunID, projections.Stream, Options) (projections.Run, error)) error {
	entries, err := streams.Open(ctx, at, streams.Options, true)
	if err != nil {
		return err
	}
	defer entries.Close()
	options := f.Options
	options.Live = !entries.Regular
	options.NoHeader = f.written > 0
	run, err := write(at.Run, entries, options)
	if err == nil {
		f.done(&run)
	}
	return err
}

func (f *Files) done(run *projections.Run) {
	f.written++
	if f.Done != nil {
		f.Done(run)
	}
}

// skip reports why a stream could not be read, and returns an error that ends the work.
func (f *Files) skip(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || errors.As(err, new(*WriteError)) {
		return err
	}
	if f.Failed != nil {
		f.Failed(err)
	}
	return nil
}

// sideBySide makes the documents of runs on all cores, and writes them in the order of the streams.
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
		if d.err == nil {
			f.done(&d.run)
		}
		if err := f.skip(ctx, d.err); err != nil {
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

// found is one of several streams, or why there is none.
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
