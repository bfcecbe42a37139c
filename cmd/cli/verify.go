package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/projections"
)

// verifyFlags are those of verify.
type verifyFlags struct {
	set *projections.Set
	readFlags
	to          []string
	projections []string
}

func newVerify(p *app) *cobra.Command {
	flags := verifyFlags{set: p.set}
	cmd := &cobra.Command{
		Use:   "verify SOURCE... --to STORE [--to FORMAT]",
		Short: "Compare a store's rows with the streams",
		Long: `Compare a store's rows with the streams: fold each stream again, and report every
row of its run that is missing, that should not be there or that has another value.
verify writes nothing to the store, and does not check runs without a stream.

If a stream has grown since the store read it, verify compares the rows with the
part that was read and reports the run as behind its stream. You can therefore run
verify while other programs write. The last line says which command repairs the
rows: rebuild, or rebuild --force if rows differ although their checkpoint is up
to date, for example because somebody has added a row.

The second --to says how differences are printed: as a table, or as one JSON
document, which docs/schema/verify.json describes. A table shows the beginning
of long values, the document all of them.

Exit status: 0 there is no difference; 1 the store or a stream cannot be read;
2 wrong usage; 4 a stream is malformed; 5 rows differ or are behind their stream;
130 interrupted.`,
		Example: `  quire-project verify runs/ --to sqlite:quire.db
  quire-project verify runs/ --to postgres://ci@db.example.com/quire --to json`,
		Args: p.someSources, ValidArgsFunction: completeSources,
		RunE: func(cmd *cobra.Command, args []string) error {
			return verify(cmd.Context(), args, flags, p)
		},
	}
	flags.add(cmd)
	return cmd
}

func (f *verifyFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVar(&f.to, "to", nil, "the `store`, as "+stores.Syntax+";\nand, given once more, how to print differences: table or json\n(default: table)")
	flags.StringSliceVar(&f.projections, "projection", nil, "compare only these: "+strings.Join(projections.Names(f.set.Stored()), ", "))
	f.readFlags.add(cmd)
	_ = cmd.RegisterFlagCompletionFunc("to", completeTarget(string(report.Table), string(report.JSON)))
	_ = cmd.RegisterFlagCompletionFunc("projection", completeList(projections.Names(f.set.Stored())))
}

// parseTargets reads what --to says, given once or twice: a store and, maybe, a
// format. The errors say what is to be done with the store, and what is printed.
func parseTargets(targets []string, verb, printed string) (at string, format report.Format, err error) {
	for _, to := range targets {
		given, err := report.ParseFormat(to)
		switch {
		case err != nil && at != "":
			return at, format, usageError(fmt.Errorf("--to names two stores to %s, and there can be one at a time", verb))
		case err != nil:
			if err := checkStore(to); err != nil {
				return at, format, err
			}
			at = to
		case format != "":
			return at, format, usageError(fmt.Errorf("--to names two formats, %s and %s; choose one", format, given))
		case given != report.Table && given != report.JSON:
			return at, format, usageError(fmt.Errorf("--to %s: %s are printed as table or as json", given, printed))
		default:
			format = given
		}
	}
	if at == "" {
		return at, format, usageError(fmt.Errorf("name the store to %s with --to, as %s", verb, stores.Syntax))
	}
	return at, cmp.Or(format, report.Table), nil
}

func verify(ctx context.Context, paths []string, flags verifyFlags, p *app) (err error) {
	to, format, err := parseTargets(flags.to, "verify", "differences")
	if err != nil {
		return err
	}
	tables, err := chooseTables(p.set, flags.projections)
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
	bar := p.newProgress(&streams, terminal(p.out) != nil)
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
	return endWith(status)
}
