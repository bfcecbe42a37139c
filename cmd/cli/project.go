package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/parallel"
)

// project is the main command: it writes the report of a source.
func project(ctx context.Context, paths []string, flags projectFlags, std stdio) error {
	format, options, err := flags.report()
	if err != nil {
		return err
	}
	sources, err := flags.find(paths)
	if err != nil {
		return err
	}
	to, err := openOutput(flags.output, std.out, sources)
	if err != nil {
		return err
	}
	defer to.discard()
	p := &projector{sources: sources, format: format, options: options, out: to, err: std.err, quiet: to.terminal != nil, exitStatus: flags.exitStatus}
	if to.terminal != nil {
		p.options.Color, p.options.Width = command.HasColors(to.terminal), command.Width(to.terminal)
		if format.ForMachines() {
			p.out = report.TerminalSafe(to)
		}
	}
	if err := p.run(ctx); err != nil {
		return err
	}
	if err := to.commit(); err != nil {
		return fmt.Errorf("cannot write %s: %w", report.Printable(flags.output), err)
	}
	if status := cmp.Or(p.status, p.outcome); status != statusOK {
		return endWith(status)
	}
	return nil
}

// projector writes the reports of the runs of a source.
type projector struct {
	sources sources
	format  report.Format
	options report.Options
	out     io.Writer
	err     io.Writer
	quiet   bool // no progress bar: the report is on the terminal

	exitStatus runStatus

	written int // reports
	status  int // what went wrong with single runs of a folder
	outcome int // what --exit-status says
}

func (p *projector) run(ctx context.Context) error {
	bar := newProgress(p.err, p.sources, p.quiet)
	defer bar.stop()
	p.err = bar
	if !p.sources.many {
		return p.stream(ctx, p.sources.single, bar, p.write)
	}
	each := p.oneByOne
	if p.format == report.JSON {
		each = p.sideBySide
	}
	return each(ctx, bar)
}

// oneByOne writes the reports of a folder's runs one after the other. As Markdown, all of
// them are one comment, which is written when all are read.
func (p *projector) oneByOne(ctx context.Context, bar *progress) error {
	write := p.write
	var comment report.Comment
	if p.format == report.Markdown {
		write = comment.Add
	}
	for source, err := range p.sources.all() {
		if err == nil {
			err = p.stream(ctx, source, bar, write)
		}
		if err != nil && !errors.Is(err, jsonl.ErrNoStream) {
			comment.Unread()
		}
		if err := p.setAside(ctx, err); err != nil {
			return err
		}
	}
	if p.format != report.Markdown {
		return nil
	}
	_, err := comment.WriteTo(p.out)
	return err
}

// write writes the report of one run behind those of others.
func (p *projector) write(run domain.RunID, stream projections.Stream, options report.Options) (projections.Run, error) {
	out := p.out
	if p.written > 0 && !p.format.ForMachines() {
		out = &apart{Writer: out}
	}
	return report.Write(out, p.format, run, stream, options)
}

// stream has write report one run, decoding ahead of the fold.
func (p *projector) stream(ctx context.Context, source jsonl.Location, bar *progress,
	write func(domain.RunID, projections.Stream, report.Options) (projections.Run, error)) error {
	file, err := source.Open()
	if err != nil {
		return err
	}
	defer file.Close()
	bar.reading(file)
	entries, stop := ahead(ctx, file, p.sources.reading(source))
	defer stop()
	options := p.options
	options.Live = !file.Regular
	options.NoHeader = p.written > 0
	run, err := write(source.Run, entries, options)
	if err != nil {
		return err
	}
	p.took(run)
	return nil
}

// sideBySide writes the documents of a folder's runs, which are made on all
// cores, in the order of their paths.
func (p *projector) sideBySide(ctx context.Context, bar *progress) error {
	type document struct {
		text pages
		run  projections.Run
		err  error
	}
	produce := func(found found, yield func(*document) bool) {
		d := &document{err: found.err}
		if d.err == nil {
			d.run, d.err = p.document(ctx, &d.text, found.source, bar)
		}
		yield(d)
	}
	for d := range parallel.InOrder(ctx, p.sources.found(), produce) {
		if d.err == nil {
			if err := d.text.writeTo(p.out); err != nil {
				return err
			}
			p.took(d.run)
		}
		if err := p.setAside(ctx, d.err); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// document writes the document of one run, on one core.
func (p *projector) document(ctx context.Context, out io.Writer, source jsonl.Location, bar *progress) (projections.Run, error) {
	file, err := source.Open()
	if err != nil {
		return projections.Run{}, err
	}
	defer file.Close()
	stream := interruptible{ctx, jsonl.NewReader(file, p.sources.reading(source))}
	run, err := report.Write(out, p.format, source.Run, stream, p.options)
	bar.done(file)
	return run, err
}

func (p *projector) took(run projections.Run) {
	p.written++
	p.outcome = worse(p.outcome, p.exitStatus.of(&run))
}

// setAside tells what is wrong with one run of a folder, and lets the others
// go on; but not where no run could.
func (p *projector) setAside(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil || isWriteError(err) {
		return err
	}
	tell(p.err, err)
	p.status = worse(p.status, statusOf(err))
	return nil
}
