package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

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
	if len(args) > 1 {
		return command.Usage("one source is read at a time, and %q is a second one; for several runs, name their folder", args[1])
	}
	return nil
}

// checkSource returns an error for an argument that cannot be a source: nothing exists at that path,
// and the word has another meaning.
func (p *app) checkSource(cmd *cobra.Command, args []string, i int) error {
	word := args[i]
	if word == jsonl.Stdin || exists(word) {
		return nil
	}
	if scheme, _, is := strings.Cut(word, "://"); is { // the address may contain a password
		return fmt.Errorf("%s://... is an address, where a stream is read from a file or a folder; name addresses with --to", report.Printable(scheme))
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
	case slices.Contains(formatNames(), word):
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

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// find returns the streams that a command line names.
func (f *readFlags) find(paths []string) (jsonl.Streams, error) {
	s, err := jsonl.Find(paths, domain.RunID(f.runID))
	s.Options = f.options()
	if errors.Is(err, jsonl.ErrOneRun) {
		err = command.Usage("--run-id %w", err)
	}
	return s, err
}

// findRuns is find for commands that store runs by id.
func (f *readFlags) findRuns(paths []string) (jsonl.Streams, error) {
	if err := f.checkRunID(); err != nil {
		return jsonl.Streams{}, err
	}
	return f.find(paths)
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
