package cli

import (
	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/docs/schema"
)

var schemaNames = []string{"document", "row", "event"}

func newSchema(p *app) *cobra.Command {
	return help.Command("schema", &cobra.Command{
		ValidArgs: schemaNames,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return command.Usage("name one schema: document, row or event")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := p.schema(args[0])
			if err != nil {
				return err
			}
			_, err = report.Output{Writer: p.out}.Write(text)
			return err
		},
	})
}

func (p *app) schema(name string) ([]byte, error) {
	switch name {
	case "document":
		return report.DocumentSchema(p.set.Reported()), nil
	case "row":
		return report.RowSchema(p.set.Reported()), nil
	case "event":
		return schema.Event, nil
	}
	return nil, command.Usage("there is no schema %q; there is document, row and event%s", name, command.DidYouMean(name, schemaNames))
}
