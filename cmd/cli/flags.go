package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/formats"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/kept"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// readFlags are the flags for reading streams. Every command that reads streams has them.
type readFlags struct {
	app         *app
	runID       string
	onMalformed string
	maxLine     int64
}

func (f *readFlags) add(p *app, cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.runID, "run-id", "", "the run's id (default: the file's name without its endings; for an events.jsonl, its folder's)")
	f.addReading(p, cmd)
}

// addReading adds the flags for reading lines, without those that name the run.
func (f *readFlags) addReading(p *app, cmd *cobra.Command) {
	f.app = p
	command.Choice(cmd, &f.onMalformed, "on-malformed", "what to do at a malformed line: stop or skip (default: stop, but\na run first read with skip continues with skip)", "stop", "skip")
	f.maxLine = jsonl.DefaultMaxLine
	command.Size(cmd, &f.maxLine, "max-line", "the maximum length of a line, a `size` such as 64k or 16MiB", 1)
}

// options returns the options of a reader.
func (f *readFlags) options() jsonl.Options {
	malformed := map[string]jsonl.OnMalformed{"": jsonl.AsBefore, "stop": jsonl.Stop, "skip": jsonl.Skip}
	return jsonl.Options{MaxLine: int(min(f.maxLine, math.MaxInt)), OnMalformed: malformed[f.onMalformed]}
}

// addTables adds the flag that chooses tables of a store, and returns what returns the chosen ones, or
// nil without the flag. usage contains a %s for the names.
func (p *app) addTables(cmd *cobra.Command, usage string) func() ([]*projections.Definition, error) {
	var chosen []string
	names := projections.Names(p.set.Stored())
	cmd.Flags().StringSliceVar(&chosen, "projection", nil, fmt.Sprintf(usage, strings.Join(names, ", ")))
	_ = cmd.RegisterFlagCompletionFunc("projection", completeList(names))
	return func() ([]*projections.Definition, error) {
		if len(chosen) == 0 {
			return nil, nil
		}
		return choose(p.set.Stored(), chosen, names)
	}
}

// choose returns the projections with the given names. words are the valid values of the flag.
func choose(from []*projections.Definition, names, words []string) ([]*projections.Definition, error) {
	chosen, err := projections.Choose(from, names)
	if err == nil {
		return chosen, nil
	}
	near := ""
	if wrong := slices.IndexFunc(names, func(name string) bool { return !slices.Contains(words, name) }); wrong >= 0 {
		near = command.DidYouMean(names[wrong], words)
	}
	return nil, command.Usage("--projection %s: %w%s", report.Printable(strings.Join(names, ",")), err, near)
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

// completeTarget completes --to: words such as formats, and the schemes of store addresses.
func completeTarget(cmd *cobra.Command, words ...string) {
	_ = cmd.RegisterFlagCompletionFunc("to", completeBeginnings(append(words, stores.Schemes...)))
}

// completeBeginnings completes words, and prefixes of addresses. The shell completes the rest of an
// address, which may be a file.
func completeBeginnings(words []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		found := slices.DeleteFunc(slices.Clone(words), func(word string) bool { return word == begun || !strings.HasPrefix(word, begun) })
		switch {
		case len(found) == 0:
			return nil, cobra.ShellCompDirectiveDefault
		case strings.Contains(found[0], ":"):
			return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeSources completes streams: files by their extensions, and folders.
func completeSources(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	for _, sub := range cmd.Commands() { // cobra adds subcommands to the result, where they would count as extensions
		if len(args) == 0 && strings.HasPrefix(sub.Name(), begun) {
			return nil, cobra.ShellCompDirectiveDefault
		}
	}
	return []string{"jsonl", "gz", "zst"}, cobra.ShellCompDirectiveFilterFileExt
}

// completeList completes the last value of a comma-separated list.
func completeList(values []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, begun string) (found []string, _ cobra.ShellCompDirective) {
		before := begun[:strings.LastIndexByte(begun, ',')+1]
		for _, value := range values {
			if !slices.Contains(strings.Split(before, ","), value) && strings.HasPrefix(before+value, begun) {
				found = append(found, before+value)
			}
		}
		return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// someSources checks that the command line names at least one source.
func (p *app) someSources(cmd *cobra.Command, args []string) error {
	for i, arg := range args {
		if arg == "" {
			return command.Usage("a SOURCE is empty; name a .jsonl file, a folder of them, or - for standard input")
		}
		if err := p.checkSource(cmd, args, i); err != nil {
			return command.Usage("%w", err)
		}
	}
	if len(args) == 0 {
		return command.Usage("name a stream: a .jsonl file, a folder of them, or - for standard input; see %s --help", cmd.CommandPath())
	}
	return nil
}

// oneSource checks that the command line of a following command names exactly one source.
func (p *app) oneSource(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return command.Usage("name what to %s: a .jsonl file that grows, or a folder in which runs appear; see %s --help", cmd.Name(), cmd.CommandPath())
	}
	if err := p.someSources(cmd, args); err != nil {
		return err
	}
	if stores.IsStore(args[0]) {
		return errGrowing
	}
	if len(args) > 1 {
		return command.Usage("name one SOURCE; %q is a second one; for several runs, name their folder", args[1])
	}
	return nil
}

// checkSource returns an error for an argument that cannot be a source: nothing exists at that path,
// and the word has another meaning.
func (p *app) checkSource(cmd *cobra.Command, args []string, i int) error {
	word := args[i]
	if _, err := os.Stat(word); word == jsonl.Stdin || err == nil || stores.IsStore(word) {
		return nil
	}
	if scheme, _, is := strings.Cut(word, "://"); is { // the address may contain a password
		return fmt.Errorf("%s://... is an address, but streams are read from files and folders; name addresses with --to", report.Printable(scheme))
	}
	others := slices.Delete(slices.Clone(args), i, i+1)
	if len(others) == 0 {
		others = []string{"SOURCE"}
	}
	source := report.Printable(strings.Join(others, " "))
	commands := cmd.Root().SuggestionsFor(word)
	switch {
	case word == "version":
		return errors.New("there is neither a stream nor a command version; did you mean --version?")
	case slices.Contains(formats.Names(0), word):
		return fmt.Errorf("%s is a format; write quire-project %s --to %s", word, source, word)
	case slices.Contains(projectionNames(p.set), word):
		return fmt.Errorf("%s is a projection; write quire-project %s --projection %s", word, source, word)
	case slices.Contains(commands, word):
		return fmt.Errorf("%s is a command, and comes first: quire-project %s %s", word, word, source)
	case len(commands) > 0 && i == 0 && len(args) > 1:
		return fmt.Errorf("there is no command %q; did you mean %s?", word, commands[0])
	case len(commands) > 0:
		return fmt.Errorf("there is neither a stream nor a command %q; did you mean %s?", word, commands[0])
	}
	return nil
}

// find returns the streams that a command line names.
func (f *readFlags) find(paths []string) (jsonl.Streams, error) {
	s, opened, err := kept.Find(f.app.ctx, paths, domain.RunID(f.runID), f.app.set)
	f.app.opened = append(f.app.opened, opened)
	s.Options = f.options()
	return s, err
}

// findRuns is find for commands that store runs by id.
func (f *readFlags) findRuns(paths []string) (jsonl.Streams, error) {
	s, err := f.find(paths)
	return s, cmp.Or(f.checkRunID(), err)
}

// checkRunID checks that --run-id can be the key of a run.
func (f *readFlags) checkRunID() error {
	if f.runID == "" {
		return nil
	}
	if err := store.CheckRunID(domain.RunID(f.runID)); err != nil {
		return command.Usage("--run-id: %w", err)
	}
	return nil
}

// addStore adds the flag that names a store.
func addStore(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "to", "", "the `store`, as "+stores.Syntax)
	completeTarget(cmd)
}

// addTargets adds a flag that names a store and, if given a second time, a format.
func addTargets(cmd *cobra.Command, to *[]string, format string) {
	cmd.Flags().StringArrayVar(to, "to", nil, "the `store`, as "+stores.Syntax+";\nand, given once more, "+format)
	completeTarget(cmd, string(report.Table), string(report.JSON))
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

// with opens the store that --to names, see open, calls do with it, and closes it.
func (p *app) with(ctx context.Context, to string, options stores.Options, streams jsonl.Streams, do func(stores.Store) error) error {
	s, err := p.open(ctx, to, options, streams)
	if err != nil {
		return err
	}
	return cmp.Or(do(s), s.Close())
}

// open opens the store that --to names. It refuses a database file that is one of the sources.
func (p *app) open(ctx context.Context, to string, options stores.Options, streams jsonl.Streams) (stores.Store, error) {
	if file := stores.SQLiteFile(to); file != "" && !stores.IsDatabase(file) && streams.Claims(file) {
		return nil, command.Usage("--to: sqlite:%s is a stream to read, and the only record of its run; name another file", report.Printable(file))
	}
	options.Projections, options.KeepStreams = p.set, p.keep
	s, err := stores.Open(ctx, to, options)
	var wrong *stores.AddressError
	switch {
	case errors.As(err, &wrong) && wrong.IsFile:
		return nil, command.Usage("--to: %w; a report is written to a file with -o", err)
	case wrong != nil:
		return nil, command.Usage("--to: %w", err)
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return s, err
}
