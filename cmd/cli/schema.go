package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/docs/schema"
)

var schemaNames = []string{"document", "row", "event"}

func newSchema(p *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema document|row|event",
		Short: "Print the JSON Schema of what this program writes and reads",
		Long: `Print the JSON Schema of what this program writes and reads: of the document that
--to json writes, of a row that --to ndjson writes, or of an event, which is a line
of a stream. Document and row have the projections that were added to the program.

Exit status: 0 done; 2 wrong usage.`,
		Example: `  quire-project schema document > document.json
  quire-project schema row
  quire-project schema event`,
		ValidArgs: schemaNames,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError(errors.New("name one schema: document, row or event"))
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
	}
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
	return nil, usageError(fmt.Errorf("there is no schema %q; there is document, row and event%s", name, didYouMean(name, schemaNames)))
}
