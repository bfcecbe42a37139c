package report

import (
	"io"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Writer writes the reports of any number of runs. Markdown and the formats for other tools have
// one document for all runs; in other formats, the reports of the runs follow each other.
type Writer struct {
	out     io.Writer
	kind    Kind
	whole   document // nil if each run has a report of its own
	written int
	unread  int
}

// document is one report of any number of runs.
type document interface {
	// add folds the stream of a run, and returns the row of the run.
	add(run domain.RunID, stream projections.Stream, options Options) (projections.Run, error)
	// close writes the rest. unread is the number of runs that could not be read.
	close(unread int) error
}

// Document is a report that another package writes, see [Files.Document].
type Document interface {
	// Add folds the stream of a run, and returns the row of the run. An error of the output is a
	// [WriteError].
	Add(run domain.RunID, stream projections.Stream, options Options) (projections.Run, error)
	// Close writes the rest.
	Close() error
}

// foreign adapts a Document to document.
type foreign struct{ Document }

func (f foreign) add(run domain.RunID, stream projections.Stream, options Options) (projections.Run, error) {
	return f.Add(run, stream, options)
}

func (f foreign) close(int) error { return f.Close() }

// NewWriter returns a Writer to out. Call its Close after the last run.
func NewWriter(out io.Writer, format Format) (*Writer, error) {
	k, err := format.kind()
	w := &Writer{out: out, kind: k}
	if k.whole != nil {
		w.whole = k.whole(out)
	}
	return w, err
}

// Add folds the stream of a run, and returns the row of the run. After an error of the stream, you
// can add other runs.
func (w *Writer) Add(run domain.RunID, stream projections.Stream, options Options) (row projections.Run, err error) {
	if _, ok := w.whole.(foreign); !ok {
		err = w.kind.Check(options)
	}
	if err != nil {
		return row, err
	}
	options.noHeader = w.written > 0
	if w.whole != nil {
		row, err = w.whole.add(run, stream, options)
	} else {
		out := w.out
		if w.written > 0 && !w.kind.Raw {
			out = &apart{Writer: out}
		}
		row, err = w.kind.each(out, run, stream, options)
	}
	if err == nil {
		w.written++
	}
	return row, err
}

// Unread counts a run that could not be read. Documents of several runs show the number.
func (w *Writer) Unread() { w.unread++ }

// Close ends the report. It does not close the output.
func (w *Writer) Close() error {
	if w.whole == nil {
		return nil
	}
	return w.whole.close(w.unread)
}

// apart writes a blank line before the first text.
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
