package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/projections"
)

// project is the main command: it writes the report of streams.
func project(ctx context.Context, paths []string, flags projectFlags, p *app) error {
	format, options, err := flags.report()
	if err != nil {
		return err
	}
	streams, err := flags.find(paths)
	if err != nil {
		return err
	}
	to, err := p.openOutput(flags.output, streams)
	if err != nil {
		return err
	}
	defer to.discard()
	out := to.out
	if terminal := command.Terminal(out); terminal != nil {
		options.Color, options.Width = command.HasColors(terminal), command.Width(terminal)
		if format.ForMachines() {
			out = report.TerminalSafe(out)
		}
	}
	bar := p.newProgress(&streams, command.Terminal(to.out) != nil)
	defer bar.stop()
	status, outcome := statusOK, statusOK
	files := report.Files{
		Format: format, Options: options, Logs: flags.logs,
		Done: func(run *projections.Run) { outcome = worse(outcome, flags.exitStatus.of(run)) },
		Failed: func(err error) {
			tell(bar, err)
			status = worse(status, statusOf(err))
		},
	}
	if err := files.Write(ctx, out, streams); err != nil {
		return err
	}
	if err := to.commit(); err != nil {
		return fmt.Errorf("cannot write %s: %w", report.Printable(flags.output), err)
	}
	return command.End(cmp.Or(status, outcome))
}

// destination is the target of a report: standard output, or a file that appears on commit.
type destination struct {
	out     io.Writer
	commit  func() error
	discard func()
}

// openOutput opens the target of -o, by default standard output. It refuses a file that is one of the
// streams to read.
func (p *app) openOutput(path string, streams jsonl.Streams) (*destination, error) {
	if path == "" || path == "-" {
		return &destination{p.out, func() error { return nil }, func() {}}, nil
	}
	if streams.Include(path) {
		return nil, command.Usage("-o %s: is a stream that is to be read, and the only record of its run; name another file", path)
	}
	file, err := report.CreateFile(path)
	var named *fs.PathError
	switch {
	case errors.As(err, &named): // the error names the temporary file
		return nil, &report.WriteError{Err: fmt.Errorf("%s: %w", path, named.Err)}
	case err != nil:
		return nil, &report.WriteError{Err: err}
	}
	return &destination{file.File, file.Commit, file.Discard}, nil
}
