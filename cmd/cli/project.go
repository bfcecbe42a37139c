package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/otlp"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/adapters/terminal"
	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/projections"
)

// projectFlags are the flags of the main command.
type projectFlags struct {
	readFlags
	to          string
	output      string
	projections []string
	pretty      bool
	logs        string
	commands    bool
	color       string
	selection   report.Selection
	exitStatus  runStatus
}

// newProject returns the main command, which writes a report or, if --to names a store, updates that.
func newProject(p *app) *cobra.Command {
	var flags projectFlags
	cmd := p.reading(name, p.someSources, func(ctx context.Context, args []string) error {
		switch {
		case flags.to == "" && !flags.pretty && (flags.output == "" || flags.output == "-") && terminal.Of(p.Out) != nil:
			flags.to = string(report.Table)
		case flags.to == "":
			flags.to = string(report.JSON)
		case !otlp.IsTarget(flags.to) && !slices.Contains(formatNames(), flags.to) && stores.IsAddress(flags.to):
			return p.ingest(ctx, args, flags)
		}
		return p.project(ctx, args, flags)
	})
	f := cmd.Flags()
	f.StringVar(&flags.to, "to", "", "the format: "+strings.Join(formatNames(), ", ")+";\nthe store to bring up to date: "+stores.Syntax+";\nor the collector to send traces to: "+otlp.Syntax+"\n(default: table on a terminal, otherwise json)")
	f.StringVarP(&flags.output, "output", "o", "", "write to this `file` instead of standard output; it appears when it is whole")
	f.StringSliceVar(&flags.projections, "projection", nil, "print only these: "+strings.Join(projections.Names(p.set.Reported()), ", ")+",\nor a part of timings such as timings.sh_events; csv takes exactly\none, and prints timings.jobs for timings (default: all)")
	f.BoolVar(&flags.selection.Failed, "failed", false, "only jobs and commands that failed")
	f.StringArrayVar(&flags.selection.Jobs, "job", nil, "only the job with this `id`, and its commands; can be repeated")
	f.DurationVar(&flags.selection.SlowerThan, "slower-than", 0, "only jobs and commands that took longer than this `time`, such as 10s")
	f.IntVar(&flags.selection.Top, "top", 0, "only the `n` jobs and the n commands that took longest, of those that\nother flags select")
	command.AboveZero(cmd, "slower-than", "10s")
	command.AboveZero(cmd, "top", "10")
	command.Colors(cmd, &flags.color)
	f.BoolVar(&flags.pretty, "pretty", false, "indent json")
	f.StringVar(&flags.logs, "logs", "", "the `folder` with the logs of commands: table names those of failed\nones (default: those beside the stream), junit and github have their\nends")
	f.BoolVar(&flags.commands, "commands", false, commandsUsage)
	flags.exitStatus.add(f)
	flags.readFlags.add(cmd)
	completeTarget(cmd, append(formatNames(), otlp.Schemes...)...)
	_ = cmd.RegisterFlagCompletionFunc("projection", completeList(projectionNames(p.set)))
	return cmd
}

// project writes the report of streams.
func (p *app) project(ctx context.Context, paths []string, flags projectFlags) error {
	format, options, err := flags.report(p.set)
	if err != nil {
		return err
	}
	streams, err := flags.find(paths)
	if err != nil {
		return err
	}
	out, file, err := p.openOutput(flags.output, streams)
	if err != nil {
		return err
	}
	defer file.Discard()
	onTerminal := terminal.Of(out) != nil
	options.Color, options.Width = terminal.Colors(out, flags.color), terminal.Width(out)
	work := p.begin(&streams, onTerminal)
	defer work.Stop()
	outcome := command.StatusOK
	files := report.Files{
		Format: format, Options: options, Logs: flags.logs, Failed: work.failed,
		Done: flags.exitStatus.into(&outcome),
	}
	if format.ForMachines() || flags.to == otlp.Format {
		out = terminal.Safe(out)
	}
	if flags.to == web.Format {
		files.Document = web.NewFile(out, p.set)
	}
	if otlp.IsTarget(flags.to) {
		if files.Document, err = flags.traces(ctx, out, work); err != nil {
			return err
		}
	}
	if err := files.Write(ctx, out, streams); err != nil {
		return err
	}
	if err := file.Commit(); err != nil {
		return fmt.Errorf("cannot write %s: %w", report.Printable(flags.output), err)
	}
	return command.End(cmp.Or(work.status, outcome))
}

// openOutput opens the target of -o, by default standard output. It refuses a file that is one of the
// streams to read.
func (p *app) openOutput(path string, streams jsonl.Streams) (io.Writer, *report.File, error) {
	if path == "" || path == "-" {
		return p.Out, nil, nil
	}
	if streams.Include(path) {
		return nil, nil, command.Usage("-o %s: is a stream that is to be read, and the only record of its run; name another file", path)
	}
	file, err := report.CreateFile(path)
	if err != nil {
		return nil, nil, err
	}
	return file.File, file, nil
}

// report returns the format and options that the flags choose.
func (f *projectFlags) report(set *projections.Set) (report.Format, report.Options, error) {
	if otlp.IsTarget(f.to) {
		return "", report.Options{}, f.checkTraces()
	}
	if f.to == web.Format {
		if f.pretty || f.commands || len(f.projections) > 0 || !f.selection.IsZero() {
			return "", report.Options{}, command.Usage("--to html shows whole runs; leave --projection and the flags that select rows out, and --pretty and --commands")
		}
		return "", report.Options{}, f.exitStatus.check()
	}
	if f.commands {
		return "", report.Options{}, command.Usage("--commands goes with --to otlp, not with --to %s", report.Printable(f.to))
	}
	format, err := parseFormat(f.to)
	if err := cmp.Or(err, f.exitStatus.check()); err != nil {
		return "", report.Options{}, err
	}
	chosen, err := choose(set.Reported(), f.projections, projectionNames(set))
	if err != nil {
		return "", report.Options{}, err
	}
	options := report.Options{Projections: format.Listed(chosen, f.projections), Selection: f.selection, Pretty: f.pretty}
	if err := format.Check(options); err != nil {
		return "", options, command.Usage("%w", err)
	}
	switch {
	case f.pretty && format != report.JSON:
		err = command.Usage("--pretty goes with --to json, not with --to %s", f.to)
	case len(f.projections) > 0 && !format.HasProjections():
		err = command.Usage("--to %s shows whole runs; leave --projection out", f.to)
	case f.logs != "" && !format.HasLogs():
		err = command.Usage("--to %s contains no logs; leave --logs out", f.to)
	}
	return format, options, err
}

// word matches a mistyped format that is safe to print: any other text could be an address with a
// password.
var word = regexp.MustCompile(`^[A-Za-z0-9_.-]*$`)

func parseFormat(to string) (report.Format, error) {
	format, err := report.ParseFormat(to)
	switch {
	case err == nil:
		return format, nil
	case !word.MatchString(to):
		return "", command.Usage("--to takes a format (%s) or a store's address (%s)", strings.Join(formatNames(), ", "), stores.Syntax)
	}
	return "", command.Usage("--to: no format is called %q; there are %s; a store is %s%s", to, strings.Join(formatNames(), ", "), stores.Syntax, command.DidYouMean(to, formatNames()))
}
