package cli

import (
	"fmt"
	"math"
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
	maxLine     int64
}

func (f *readFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.runID, "run-id", "", "the run's id (default: the file's name without its endings; for an events.jsonl, its folder's)")
	f.addReading(cmd)
}

// addReading adds the flags for reading lines, without those that name the run.
func (f *readFlags) addReading(cmd *cobra.Command) {
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

func formatNames() []string {
	var names []string
	for _, kind := range formats {
		names = append(names, string(kind.Name))
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
