package cli

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/terminal"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/docs/schema"
	"github.com/quire-ci/quire-project/projections"
)

// printer returns standard output for text, and its width in columns if it is a terminal.
func (p *app) printer() (out io.Writer, columns int) {
	return report.Output{Writer: terminal.Safe(p.Out)}, terminal.Width(p.Out)
}

func newCheck(p *app) *cobra.Command {
	var flags readFlags
	cmd := p.reading("check", p.someSources, func(ctx context.Context, args []string) error {
		return p.read(flags.find, args, func(streams jsonl.Streams, work *work) error {
			counts, err := report.Check(ctx, report.Output{Writer: p.Out}, streams, work.failed)
			if counts[projections.MalformedLine] > 0 {
				work.ends(command.StatusMalformed)
			} else if len(counts) > 0 {
				work.ends(command.StatusFound)
			}
			return err
		})
	})
	flags.add(p, cmd)
	_ = cmd.Flags().MarkHidden("on-malformed") // the flag exists, and has no effect here
	return cmd
}

func newLog(p *app) *cobra.Command {
	var flags readFlags
	var logs report.Logs
	var color string
	source := func(cmd *cobra.Command, args []string) error { return p.someSources(cmd, args[:min(len(args), 1)]) }
	cmd := p.reading("log", source, func(ctx context.Context, args []string) error {
		if logs.Raw && logs.Paths {
			return command.Usage("--raw prints logs, --path the paths of logs; give one of them")
		}
		return p.read(flags.find, args[:1], func(streams jsonl.Streams, work *work) error {
			logs.Names, logs.Failed = args[1:], work.failed
			logs.Terminal, logs.Color, logs.Width = terminal.Of(p.Out) != nil, terminal.Colors(p.Out, color), terminal.Width(p.Out)
			err := logs.Write(ctx, p.Out, streams)
			if errors.Is(err, report.ErrNoFailed) {
				tell(p.Err, err)
				return nil
			}
			return err
		})
	})
	cmd.Flags().StringVar(&logs.Folder, "logs", "", "the `folder` with the logs: what quire-ci took as --out-dir\n(default: the folder of the stream)")
	cmd.Flags().BoolVar(&logs.Raw, "raw", false, "print logs as they are, with the time and the output of each line")
	cmd.Flags().BoolVar(&logs.Paths, "path", false, "print the paths of the logs instead")
	command.Colors(cmd, &color)
	flags.add(p, cmd)
	return cmd
}

func newProjections(p *app) *cobra.Command {
	to := string(report.Table)
	cmd := help.Command("projections", command.NoArguments, func(context.Context, []string) error {
		out, columns := p.printer()
		return report.WriteProjections(out, report.Format(to), columns, p.set)
	})
	command.Choice(cmd, &to, "to", "how to print them: table or json", string(report.Table), string(report.JSON))
	return cmd
}

var schemaNames = []string{"document", "row", "event"}

func newSchema(p *app) *cobra.Command {
	cmd := help.Command("schema", func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) != 1:
			return command.Usage("name one schema: document, row or event")
		case !slices.Contains(schemaNames, args[0]):
			return command.Usage("there is no schema %q; there is document, row and event%s", args[0], command.DidYouMean(args[0], schemaNames))
		}
		return nil
	}, func(_ context.Context, args []string) error {
		text := schema.Event
		switch args[0] {
		case "document":
			text = report.DocumentSchema(p.set.Reported())
		case "row":
			text = report.RowSchema(p.set.Reported())
		}
		_, err := report.Output{Writer: p.Out}.Write(text)
		return err
	})
	cmd.ValidArgs = schemaNames
	return cmd
}
