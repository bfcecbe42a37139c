package cli

import (
	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

func newProjections(p *app) *cobra.Command {
	to := string(report.Table)
	cmd := help.Command("projections", &cobra.Command{
		Args: command.NoArguments,
		RunE: func(*cobra.Command, []string) error {
			out, columns := p.printer()
			return report.WriteProjections(out, report.Format(to), columns, p.set)
		},
	})
	command.Choice(cmd, &to, "to", "how to print them: table or json", string(report.Table), string(report.JSON))
	return cmd
}
