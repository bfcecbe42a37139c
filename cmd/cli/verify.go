package cli

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// verifyFlags are the flags of verify.
type verifyFlags struct {
	readFlags
	tableFlags
	to []string
}

func newVerify(p *app) *cobra.Command {
	flags := verifyFlags{tableFlags: tableFlags{set: p.set}}
	cmd := help.Command("verify", &cobra.Command{
		Args: p.someSources, ValidArgsFunction: completeSources,
		RunE: func(cmd *cobra.Command, args []string) error {
			return verify(cmd.Context(), args, flags, p)
		},
	})
	cmd.Flags().SortFlags = false
	addTargets(cmd, &flags.to, "how to print differences: table or json\n(default: table)")
	flags.tableFlags.add(cmd, "compare only these: %s")
	flags.readFlags.add(cmd)
	return cmd
}

// addTargets adds a flag that names a store and, if given a second time, a format.
func addTargets(cmd *cobra.Command, to *[]string, format string) {
	cmd.Flags().StringArrayVar(to, "to", nil, "the `store`, as "+stores.Syntax+";\nand, given once more, "+format)
	_ = cmd.RegisterFlagCompletionFunc("to", completeTarget(string(report.Table), string(report.JSON)))
}

// parseTargets parses one or two values of --to: a store and, optionally, a format. verb and printed
// describe the use of each in errors.
func parseTargets(targets []string, verb, printed string) (at string, format report.Format, err error) {
	for _, to := range targets {
		given, err := report.ParseFormat(to)
		switch {
		case err != nil && at != "":
			return at, format, command.Usage("--to names two stores to %s, and there can be one at a time", verb)
		case err != nil:
			if err := checkStore(to); err != nil {
				return at, format, err
			}
			at = to
		case format != "":
			return at, format, command.Usage("--to names two formats, %s and %s; choose one", format, given)
		case given != report.Table && given != report.JSON:
			return at, format, command.Usage("--to %s: %s are printed as table or as json", given, printed)
		default:
			format = given
		}
	}
	if at == "" {
		return at, format, command.Usage("name the store to %s with --to, as %s", verb, stores.Syntax)
	}
	return at, cmp.Or(format, report.Table), nil
}

func verify(ctx context.Context, paths []string, flags verifyFlags, p *app) (err error) {
	to, format, err := parseTargets(flags.to, "verify", "differences")
	if err != nil {
		return err
	}
	tables, err := flags.tables()
	if err != nil {
		return err
	}
	streams, err := flags.findRuns(paths)
	if err != nil {
		return err
	}
	s, err := p.open(ctx, to, stores.Options{MustExist: true}, streams)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, s.Close()) }()
	out, columns := p.printer()
	bar := p.newProgress(&streams, command.Terminal(p.out) != nil)
	status := statusOK
	found, err := report.Verify(ctx, out, s, streams, report.VerifyOptions{
		Format: format, Width: columns, Tables: tables,
		Skipped: func(err error) {
			tell(bar, err)
			status = worse(status, statusOf(err))
		},
	})
	bar.stop()
	if err != nil {
		return err
	}
	if format == report.Table {
		say(p.err, found.String())
	}
	if found.Mend() != "" {
		status = worse(status, statusFound)
	}
	return command.End(status)
}
