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
	"github.com/spf13/pflag"

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
	var cmd *cobra.Command
	cmd = p.reading(name, p.someSources, func(ctx context.Context, args []string) error {
		if flags.to == "" && !flags.pretty && (flags.output == "" || flags.output == "-") && terminal.Of(p.Out) != nil {
			flags.to = string(report.Table)
		}
		flags.to = cmp.Or(flags.to, string(report.JSON))
		kind, err := kindOf(flags.to)
		if err = cmp.Or(err, refuse(cmd, kind)); !otlp.IsTarget(flags.to) {
			err = cmp.Or(err, flags.exitStatus.check())
		}
		switch {
		case err != nil:
			return err
		case kind.Name == toStore.Name:
			return p.ingest(ctx, args, flags)
		}
		return p.project(ctx, args, kind, flags)
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
	onTerminal := terminal.Of(out) != nil
	options.Color, options.Width = terminal.Colors(out, flags.color), terminal.Width(out)
	work := p.begin(&streams, onTerminal)
	defer work.Stop()
	files := report.Files{
		Format: kind.Name, Options: options, Logs: flags.logs, Failed: work.failed,
		Done: flags.exitStatus.see,
	}
	if kind.Raw {
		out = terminal.Safe(out)
	}
	switch {
	case flags.to == web.Format:
		files.Document = web.NewFile(out, p.set)
	case otlp.IsTarget(flags.to):
		traces := otlp.Options{Commands: flags.commands, AssumeEnded: flags.exitStatus.assumeEnded}
		files.Document, err = otlp.Open(ctx, flags.to, out, traces, otlp.ClientOptions{Say: work.say})
		if err != nil {
			return command.Usage("--to: %w", err)
		}
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
		return nil, nil, command.Usage("-o %s: is a stream that is to be read, and the only record of its run; name another file", path)
	}
	file, err := report.CreateFile(path)
	if err != nil {
		return nil, nil, err
	}
	return file.File, file, nil
}

// formats are the formats of a report.
var formats = append(report.Kinds(), otlp.Kind, web.Kind)

// toStore is what it is like to bring up a store, which is given all rows.
var toStore = report.Kind{Name: "a store"}

// takes says for what the flags are that not every format has a use for.
var takes = map[string]report.Takes{
	"output": report.TakesFile, "projection": report.TakesProjections, "logs": report.TakesLogs, "pretty": report.TakesPretty, "commands": report.TakesCommands,
	"failed": report.TakesRows, "job": report.TakesRows, "slower-than": report.TakesRows, "top": report.TakesRows,
}

// refuse returns an error if a flag is given for which a kind of report has no use.
func refuse(cmd *cobra.Command, kind report.Kind) (err error) {
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		var with []string
		for _, other := range formats {
			if other.Takes&takes[flag.Name] != 0 {
				with = append(with, string(other.Name))
			}
		}
		if len(with) > 0 && kind.Takes&takes[flag.Name] == 0 && flag.Value.String() != "false" {
			err = cmp.Or(err, command.Usage("--%s goes with --to %s, not with %s", flag.Name, strings.Join(with, ", "), kind.Name))
		}
	})
	return err
}

const commandsUsage = "with traces: add the texts of commands, which may contain secrets"

// word matches a mistyped format that is safe to print: any other text could be an address with a
// password.
var word = regexp.MustCompile(`^[A-Za-z0-9_.-]*$`)

// kindOf returns what --to names: a format, a collector or a store.
func kindOf(to string) (report.Kind, error) {
	names := strings.Join(formatNames(), ", ")
	at := slices.Index(formatNames(), to)
	switch {
	case at >= 0:
		return formats[at], nil
	case otlp.IsAddress(to):
		return otlp.Collector, nil
	case stores.IsAddress(to):
		return toStore, checkStore(to)
	case !word.MatchString(to):
		return report.Kind{}, command.Usage("--to takes a format (%s) or a store's address (%s)", names, stores.Syntax)
	}
	return report.Kind{}, command.Usage("--to: no format is called %q; there are %s; a store is %s%s", to, names, stores.Syntax, command.DidYouMean(to, formatNames()))
}
