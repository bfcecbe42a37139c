package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/quire-ci/quire-project/adapters/formats"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/otlp"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/adapters/terminal"
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
	var cmd *cobra.Command
	cmd = p.reading(name, p.someSources, func(ctx context.Context, args []string) error {
		if flags.to == "" && !flags.pretty && (flags.output == "" || flags.output == "-") && terminal.Of(p.Out) != nil {
			flags.to = string(report.Table)
		}
		flags.to = cmp.Or(flags.to, string(report.JSON))
		kind, err := flags.kind(cmd)
		switch {
		case err != nil:
			return err
		case kind.Name == formats.Store.Name:
			return p.ingest(ctx, args, flags)
		}
		return p.project(ctx, args, kind, flags)
	})
	f := cmd.Flags()
	f.StringVar(&flags.to, "to", "", "the format: "+strings.Join(formats.Names(0), ", ")+";\nthe store to bring up to date: "+stores.Syntax+";\nor the collector to send traces to: "+otlp.Syntax+"\n(default: table on a terminal, otherwise json)")
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
	f.StringVar(&flags.logs, "logs", "", "the `folder` with the logs of commands: table names the logs of\nfailed ones (default: those beside the stream), junit and github\nprint the ends of logs")
	f.BoolVar(&flags.commands, "commands", false, commandsUsage)
	flags.exitStatus.add(f)
	p.addKeep(cmd)
	flags.readFlags.add(p, cmd)
	completeTarget(cmd, append(formats.Names(0), otlp.Schemes...)...)
	_ = cmd.RegisterFlagCompletionFunc("projection", completeList(projectionNames(p.set)))
	return cmd
}

// project writes the report of streams.
func (p *app) project(ctx context.Context, paths []string, kind report.Kind, flags projectFlags) error {
	chosen, err := choose(p.set.Reported(), flags.projections, projectionNames(p.set))
	if err != nil {
		return err
	}
	options := report.Options{Projections: kind.Name.Listed(chosen, flags.projections), Selection: flags.selection, Pretty: flags.pretty}
	if err := kind.Check(options); err != nil {
		return command.Usage("%w", err)
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
	options.Color, options.Width = terminal.Colors(out, flags.color), terminal.Width(out)
	work := p.begin(&streams, terminal.Of(out) != nil)
	defer work.Stop()
	files := report.Files{Format: kind.Name, Options: options, Logs: flags.logs, Failed: work.failed, Done: flags.exitStatus.see}
	if kind.Raw {
		out = terminal.Safe(out)
	}
	traces := otlp.Options{Commands: flags.commands, AssumeEnded: flags.exitStatus.assumeEnded}
	if files.Document, err = formats.Document(ctx, flags.to, out, p.set, traces, otlp.ClientOptions{Say: work.say}); err != nil {
		return command.Usage("--to: %w", err)
	}
	if err := files.Write(ctx, out, streams); err != nil {
		return err
	}
	if err := file.Commit(); err != nil {
		return fmt.Errorf("cannot write %s: %w", report.Printable(flags.output), err)
	}
	return command.End(cmp.Or(work.status, flags.exitStatus.status()))
}

// openOutput opens the target of -o, by default standard output. It refuses a file that is one of the
// streams to read.
func (p *app) openOutput(path string, streams jsonl.Streams) (io.Writer, *report.File, error) {
	if path == "" || path == "-" {
		return p.Out, nil, nil
	}
	if streams.Include(path) {
		return nil, nil, command.Usage("-o %s: is a stream to read, and the only record of its run; name another file", path)
	}
	file, err := report.CreateFile(path)
	if err != nil {
		return nil, nil, err
	}
	return file.File, file, nil
}

const commandsUsage = "with traces: add the texts of commands, which may contain secrets"

// takes maps flags that not every format supports to the options that they set.
var takes = map[string]report.Takes{
	"output": report.TakesFile, "projection": report.TakesProjections, "logs": report.TakesLogs, "pretty": report.TakesPretty, "commands": report.TakesCommands, "keep-streams": report.TakesStreams,
	"failed": report.TakesRows, "job": report.TakesRows, "slower-than": report.TakesRows, "top": report.TakesRows,
}

// kind returns what --to names. It returns an error if another flag is given that has no use there.
func (f *projectFlags) kind(cmd *cobra.Command) (report.Kind, error) {
	kind, err := formats.Parse(f.to)
	if err != nil {
		return kind, command.Usage("%w%s", err, command.DidYouMean(f.to, formats.Names(0)))
	}
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if needs := takes[flag.Name]; err == nil && needs&^kind.Takes != 0 && flag.Value.String() != "false" {
			err = command.Usage("--%s goes with --to %s, not with %s", flag.Name, strings.Join(formats.Names(needs), ", "), kind.Name)
		}
	})
	if !otlp.IsTarget(f.to) {
		err = cmp.Or(err, f.exitStatus.check())
	}
	return kind, err
}
