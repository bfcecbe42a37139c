package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

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
		streams, err := flags.find(args)
		if err != nil {
			return err
		}
		work := p.begin(&streams, true)
		counts, err := report.Check(ctx, report.Output{Writer: p.Out}, streams, work.failed)
		switch {
		case err != nil:
			return err
		case counts[projections.MalformedLine] > 0:
			work.status = worst(work.status, command.StatusMalformed)
		case len(counts) > 0:
			work.status = worst(work.status, command.StatusFound)
		}
		return command.End(work.status)
	})
	flags.add(cmd)
	_ = cmd.Flags().MarkHidden("on-malformed") // the flag exists, and has no effect here
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
	schemas := map[string]func() []byte{
		"document": func() []byte { return report.DocumentSchema(p.set.Reported()) },
		"row":      func() []byte { return report.RowSchema(p.set.Reported()) },
		"event":    func() []byte { return schema.Event },
	}
	cmd := help.Command("schema", func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) != 1:
			return command.Usage("name one schema: document, row or event")
		case schemas[args[0]] == nil:
			return command.Usage("there is no schema %q; there is document, row and event%s", args[0], command.DidYouMean(args[0], schemaNames))
		}
		return nil
	}, func(_ context.Context, args []string) error {
		_, err := report.Output{Writer: p.Out}.Write(schemas[args[0]]())
		return err
	})
	cmd.ValidArgs = schemaNames
	return cmd
}
