package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/adapters/terminal"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// verifyFlags are the flags of verify.
type verifyFlags struct {
	readFlags
	tables []string
	to     []string
}

func newVerify(p *app) *cobra.Command {
	var flags verifyFlags
	cmd := p.reading("verify", p.someSources, func(ctx context.Context, args []string) error { return p.verify(ctx, args, flags) })
	addTargets(cmd, &flags.to, "how to print differences: table or json\n(default: table)")
	p.addTables(cmd, &flags.tables, "compare only these: %s")
	flags.readFlags.add(cmd)
	return cmd
}

func (p *app) verify(ctx context.Context, paths []string, flags verifyFlags) (err error) {
	to, format, err := parseTargets(flags.to, "verify", "differences")
	if err != nil {
		return err
	}
	tables, err := p.tables(flags.tables)
	if err != nil {
		return err
	}
	streams, err := flags.findRuns(paths)
	if err != nil {
		return err
	}
	return p.with(ctx, to, stores.Options{MustExist: true}, streams, func(s stores.Store) error {
		out, columns := p.printer()
		work := p.begin(&streams, terminal.Of(p.Out) != nil)
		found, err := report.Verify(ctx, out, s, streams, report.VerifyOptions{Format: format, Width: columns, Tables: tables, Skipped: work.failed})
		work.Stop()
		if err != nil {
			return err
		}
		if format == report.Table {
			say(p.Err, found.String())
		}
		if found.Mend() != "" {
			work.status = worst(work.status, command.StatusFound)
		}
		return command.End(work.status)
	})
}
