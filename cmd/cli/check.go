package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/projections"
)

func newCheck(p *app) *cobra.Command {
	var flags readFlags
	cmd := help.Command("check", &cobra.Command{
		Args: p.someSources, ValidArgsFunction: completeSources,
		RunE: func(cmd *cobra.Command, args []string) error {
			return check(cmd.Context(), args, flags, p)
		},
	})
	flags.add(cmd)
	_ = cmd.Flags().MarkHidden("on-malformed") // the flag exists, and has no effect here
	return cmd
}

func check(ctx context.Context, paths []string, flags readFlags, p *app) error {
	streams, err := flags.find(paths)
	if err != nil {
		return err
	}
	status := statusOK
	counts, err := report.Check(ctx, report.Output{Writer: p.out}, streams, func(err error) {
		tell(p.err, err)
		status = worse(status, statusOf(err))
	})
	switch {
	case err != nil:
		return err
	case counts[projections.MalformedLine] > 0:
		status = worse(status, statusMalformed)
	case len(counts) > 0:
		status = worse(status, statusFound)
	}
	return command.End(status)
}
