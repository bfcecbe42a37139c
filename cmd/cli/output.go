package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// writeError is an error of what is written to, and not of a stream.
type writeError struct{ err error }

func (e *writeError) Error() string { return "cannot write: " + e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

func isWriteError(err error) bool {
	var write *writeError
	return errors.As(err, &write)
}

// output marks the errors of what is written to.
type output struct{ io.Writer }

func (o output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err != nil {
		err = &writeError{err}
	}
	return n, err
}

// destination is where a report goes: standard output, or a file that is there
// once it is committed.
type destination struct {
	io.Writer
	commit   func() error
	discard  func()
	terminal *os.File // nil, if it is none
}

// openOutput opens what -o names; standard output, if it names nothing. It
// refuses a file that is one of the streams to read.
func openOutput(path string, stdout io.Writer, sources sources) (*destination, error) {
	if path == "" || path == "-" {
		d := &destination{Writer: output{stdout}, commit: func() error { return nil }, discard: func() {}}
		d.terminal = terminal(stdout)
		return d, nil
	}
	if sources.include(path) {
		return nil, usageError(fmt.Errorf("-o %s: is a stream that is to be read, and the only record of its run; name another file", path))
	}
	file, err := report.CreateFile(path)
	if err != nil {
		var named *fs.PathError
		if errors.As(err, &named) { // it names the file that is written aside
			err = fmt.Errorf("%s: %w", path, named.Err)
		}
		return nil, &writeError{err}
	}
	d := &destination{Writer: output{file}, commit: file.Commit, discard: file.Discard}
	d.terminal = terminal(file.File)
	return d, nil
}

// printer returns standard output for text, and how many columns it has if it is a terminal.
func (p *app) printer() (out io.Writer, columns int) {
	out = output{p.out}
	if terminal(p.out) != nil {
		out = report.TerminalSafe(out)
	}
	return out, command.Width(p.out)
}
