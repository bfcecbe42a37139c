package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

func newProjections(p *app) *cobra.Command {
	var to string
	cmd := help.Command("projections", &cobra.Command{
		Args: command.NoArguments,
		RunE: func(*cobra.Command, []string) error {
			return p.listProjections(to)
		},
	})
	cmd.Flags().StringVar(&to, "to", string(report.Table), "how to print them: table or json")
	_ = cmd.RegisterFlagCompletionFunc("to", cobra.FixedCompletions(listFormats, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

var listFormats = []string{string(report.Table), string(report.JSON)}

func (p *app) listProjections(to string) error {
	if !slices.Contains(listFormats, to) {
		return usageError(fmt.Errorf("--to is table or json, not %q%s", to, didYouMean(to, listFormats)))
	}
	out, columns := p.printer()
	return report.WriteProjections(out, report.Format(to), columns, p.set)
}
