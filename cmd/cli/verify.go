package cli

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
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
row of its run that is missing, that should not be there or that has another
value. Nothing is written to the store. Runs without a stream
are not checked.

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
	at, format, err := parseTargets(flags.to, "verify", "differences")
	if err != nil {
		return err
	}
	tables, err := chooseTables(p.set, flags.projections)
	if err != nil {
		return err
	}
	sources, err := flags.findRuns(paths)
	if err != nil {
		return err
	}
	s, err := p.open(ctx, at, stores.Options{MustExist: true}, sources)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, s.Close()) }()
	v := &verification{store: s, sources: sources, tables: tables, std: p.stdio}
	v.differences = newDifferences(format, p.out)
	if err := v.run(ctx); err != nil {
		return err
	}
	if format == report.Table {
		say(p.err, v.summary())
	}
	return v.end()
}

// differences prints what was found.
type differences interface {
	// found takes a difference, and setAside a run that could not be compared.
	found(store.Difference) error
	setAside(store.Verified) error
	// pause makes what was found so far appear.
	pause() error
	// end takes the number of runs that were compared, and what mends the rows.
	end(runs int, mend string) error
}

// newDifferences returns what prints differences to stdout in a format.
func newDifferences(format report.Format, stdout io.Writer) differences {
	screen := terminal(stdout)
	out := io.Writer(output{stdout})
	if format == report.JSON {
		if screen != nil {
			out = report.TerminalSafe(out)
		}
		return &differenceDocument{out: bufio.NewWriter(out)}
	}
	columns := 0
	if screen != nil {
		columns = width(screen)
	}
	return &differenceTable{out: out, width: columns}
}

// verification compares runs and counts what comes of it.
type verification struct {
	store       store.Store
	sources     sources
	tables      []*projections.Definition
	std         stdio
	differences differences

	runs, differing, behind, setAside int
	count                             int  // of differences in rows
	force                             bool // is what rebuild needs to mend them
	status                            int  // what went wrong with single streams
}

func (v *verification) run(ctx context.Context) error {
	bar := newProgress(v.std.err, v.sources, terminal(v.std.out) != nil)
	defer bar.stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := store.Verify(ctx, v.store, v.sources.recordings(bar.counter()), store.VerifyOptions{
		Tables: v.tables,
		Found: func(difference store.Difference) {
			if err := v.differences.found(difference); err != nil {
				cancel(err)
			}
		},
		Done: func(run store.Verified) {
			if err := v.done(run, bar); err != nil {
				cancel(err)
			}
		},
	})
	if err != nil {
		_ = v.differences.pause() // what was found comes before what went wrong
		return err
	}
	return v.differences.end(v.runs, v.mend())
}

// done takes a run that was compared, or that could not be.
func (v *verification) done(run store.Verified, stderr io.Writer) error {
	v.count += run.Differences
	if run.Differences > 0 {
		v.differing++
	}
	if run.Behind {
		v.behind++
	}
	v.force = v.force || run.Force
	if run.Err == nil {
		v.runs++
		return nil
	}
	v.setAside++
	v.status = worse(v.status, statusOf(run.Err))
	err := v.differences.pause()
	tell(stderr, run.Err)
	return cmp.Or(err, v.differences.setAside(run))
}

// summary says how it went, as in "verified 5 runs: 3 differences in 1 run".
func (v *verification) summary() string {
	var found []string
	if v.count > 0 {
		found = append(found, fmt.Sprintf("%s in %s", plural(v.count, "difference"), plural(v.differing, "run")))
	}
	switch {
	case v.behind == 1:
		found = append(found, "1 run is behind its stream")
	case v.behind > 1:
		found = append(found, fmt.Sprintf("%d runs are behind their streams", v.behind))
	}
	words := fmt.Sprintf("verified %s: %s", plural(v.runs, "run"), cmp.Or(strings.Join(found, ", "), "no difference"))
	switch {
	case v.count > 0:
		words += "; " + v.mend() + " puts the rows right"
	case v.behind > 0:
		words += "; " + v.mend() + " reads the rest"
	}
	if v.setAside > 0 {
		words += fmt.Sprintf("; %d skipped", v.setAside)
	}
	return words
}

// mend is the command that makes the rows those of the streams, if they are not.
func (v *verification) mend() string {
	switch {
	case v.force:
		return "rebuild --force"
	case v.count > 0 || v.behind > 0:
		return "rebuild"
	}
	return ""
}

// end returns what the command ends with.
func (v *verification) end() error {
	status := v.status
	if v.mend() != "" {
		status = worse(status, statusFound)
	}
	if status == statusOK {
		return nil
	}
	return &statusError{status: status}
}
