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
	cmd := &cobra.Command{
		Use:   "check SOURCE...",
		Short: "Report what is odd about a stream",
		Long: `check prints one diagnostic on each line, as FILE:LINE: code: meaning, and then a count
for each code. It reads a stream to its end; a malformed line is a finding like any
other.

Exit status: 0 nothing is odd; 4 a line is malformed; 5 something else is odd; 1 a
stream cannot be read; 2 wrong usage; 130 interrupted.`,
		Example: `  quire-project check run.jsonl
  quire-project check runs/`,
		Args: p.someSources, ValidArgsFunction: completeSources,
		RunE: func(cmd *cobra.Command, args []string) error {
			return check(cmd.Context(), args, flags, p)
		},
	}
	flags.add(cmd)
	_ = cmd.Flags().MarkHidden("on-malformed") // it is there, and makes no difference
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
