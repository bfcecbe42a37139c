package cli

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/projections"
)

// readFlags are the flags for reading streams. Every command that reads streams has them.
type readFlags struct {
	runID       string
	onMalformed string
	maxLine     command.Size
}

func (f *readFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.runID, "run-id", "", "the run's id (default: the file's name without its endings; for an events.jsonl, its folder's)")
	f.addReading(cmd)
}

// addReading adds the flags for reading lines, without those that name the run.
func (f *readFlags) addReading(cmd *cobra.Command) {
	flags := cmd.Flags()
	command.Choice(cmd, &f.onMalformed, "on-malformed", "what to do at a malformed line: stop or skip (default: stop, but\na run first read with skip continues with skip)", "stop", "skip")
	f.maxLine.Bytes = jsonl.DefaultMaxLine
	flags.Var(&f.maxLine, "max-line", "the maximum length of a line, a `size` such as 64k or 16MiB")
}

// options returns the options of a reader.
func (f *readFlags) options() jsonl.Options {
	malformed := map[string]jsonl.OnMalformed{"": jsonl.AsBefore, "stop": jsonl.Stop, "skip": jsonl.Skip}
	return jsonl.Options{MaxLine: f.maxLine.Int(), OnMalformed: malformed[f.onMalformed]}
}

// tableFlags choose tables of a store.
type tableFlags struct {
	set         *projections.Set
	projections []string
}

// add adds the flag. usage contains a %s for the names.
func (f *tableFlags) add(cmd *cobra.Command, usage string) {
	names := projections.Names(f.set.Stored())
	cmd.Flags().StringSliceVar(&f.projections, "projection", nil, fmt.Sprintf(usage, strings.Join(names, ", ")))
	_ = cmd.RegisterFlagCompletionFunc("projection", completeList(names))
}

// tables returns the chosen projections, or nil without the flag.
func (f *tableFlags) tables() ([]*projections.Definition, error) {
	if len(f.projections) == 0 {
		return nil, nil
	}
	tables, err := projections.Choose(f.set.Stored(), f.projections)
	if err != nil {
		return nil, command.Usage("--projection %s: %w%s", report.Printable(strings.Join(f.projections, ",")), err, nearest(f.projections, projections.Names(f.set.Stored())))
	}
	return tables, nil
}

// projectFlags are the flags of the main command.
type projectFlags struct {
	readFlags
	set         *projections.Set
	to          string
	output      string
	projections []string
	pretty      bool
	logs        string
	exitStatus  runStatus
}

func (f *projectFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.to, "to", "json", "the format: "+strings.Join(formatNames(), ", ")+";\nor the store to bring up to date: "+stores.Syntax)
	flags.StringVarP(&f.output, "output", "o", "", "write to this `file` instead of standard output; it appears when it is whole")
	flags.StringSliceVar(&f.projections, "projection", nil, "print only these: "+strings.Join(projections.Names(f.set.Reported()), ", ")+",\nor a part of timings such as timings.sh_events; csv takes exactly\none, and prints timings.jobs for timings (default: all)")
	flags.BoolVar(&f.pretty, "pretty", false, "indent json")
	flags.StringVar(&f.logs, "logs", "", "the `folder` with the logs of commands, whose paths table then names\n(default for table: the folder of the stream)")
	f.exitStatus.add(flags)
	f.readFlags.add(cmd)
	_ = cmd.RegisterFlagCompletionFunc("to", completeTarget(formatNames()...))
	_ = cmd.RegisterFlagCompletionFunc("projection", completeList(projectionNames(f.set)))
}

func formatNames() []string {
	var names []string
	for _, format := range report.Formats() {
		names = append(names, string(format))
	}
	return names
}

// projectionNames returns the values of --projection: the names of projections, and of projections
// that have parts.
func projectionNames(set *projections.Set) []string {
	names := projections.Names(set.Reported())
	for _, d := range set.Reported() {
		if d.Part() != "" {
			names = append(names, d.Name)
		}
	}
	return names
}

// word matches a mistyped format that is safe to print: any other text could be an address with a
// password.
var word = regexp.MustCompile(`^[A-Za-z0-9_.-]*$`)

func parseFormat(to string) (report.Format, error) {
	format, err := report.ParseFormat(to)
	switch {
	case err == nil:
		return format, nil
	case !word.MatchString(to):
		return "", command.Usage("--to takes a format (%s) or a store's address (%s)", strings.Join(formatNames(), ", "), stores.Syntax)
	}
	return "", command.Usage("--to %s: %w; a store is %s%s", to, err, stores.Syntax, command.DidYouMean(to, formatNames()))
}

// report returns the format and options that the flags choose.
func (f *projectFlags) report() (report.Format, report.Options, error) {
	format, err := parseFormat(f.to)
	if err := cmp.Or(err, f.exitStatus.check()); err != nil {
		return "", report.Options{}, err
	}
	chosen, err := projections.Choose(f.set.Reported(), f.projections)
	if err != nil {
		return "", report.Options{}, command.Usage("--projection %s: %w%s", report.Printable(strings.Join(f.projections, ",")), err, nearest(f.projections, projectionNames(f.set)))
	}
	if format == report.CSV && len(f.projections) == 1 {
		chosen = firstList(chosen)
	}
	options := report.Options{Projections: chosen, Pretty: f.pretty}
	if err := format.Check(options); err != nil {
		return "", options, command.Usage("%w", err)
	}
	if f.pretty && format != report.JSON {
		return "", options, command.Usage("--pretty goes with --to json, not with --to %s", f.to)
	}
	if f.logs != "" && !format.HasLogs() {
		return "", options, command.Usage("--to %s contains no logs; leave --logs out", f.to)
	}
	return format, options, nil
}

// firstList returns the first projection with a list of rows. For timings, those are the jobs, which
// suit a spreadsheet best.
func firstList(chosen []*projections.Definition) []*projections.Definition {
	if at := slices.IndexFunc(chosen, func(d *projections.Definition) bool { return !d.Single }); at >= 0 {
		return chosen[at : at+1]
	}
	return chosen
}
