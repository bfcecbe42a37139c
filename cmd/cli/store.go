package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/projections/store"
)

// isAddress reports whether --to names a store rather than a format.
func isAddress(to string) bool { return !slices.Contains(formatNames(), to) && stores.IsAddress(to) }

// addStore adds the flag that names a store.
func addStore(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "to", "", "the `store`, as "+stores.Syntax)
	_ = cmd.RegisterFlagCompletionFunc("to", completeTarget())
}

// checkStore checks that --to can be the address of a store.
func checkStore(to string) error {
	err := stores.Check(to)
	var wrong *stores.AddressError
	switch {
	case errors.As(err, &wrong) && wrong.IsFile:
		return command.Usage("--to: %w; a report is written to a file with -o", err)
	case err != nil:
		return command.Usage("--to: %w", err)
	}
	return nil
}

// open opens the store that --to names. It refuses a database file that is one of the sources.
func (p *app) open(ctx context.Context, to string, options stores.Options, streams jsonl.Streams) (stores.Store, error) {
	if file := stores.SQLiteFile(to); file != "" && !stores.IsDatabase(file) && streams.Include(file) {
		return nil, errIsStream(file)
	}
	options.Projections = p.set
	s, err := stores.Open(ctx, to, options)
	var wrong *stores.AddressError
	switch {
	case errors.As(err, &wrong):
		return nil, command.Usage("--to: %w", err)
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return s, err
}

// errIsStream reports that the database file is one of the streams to read.
func errIsStream(file string) error {
	return command.Usage("--to: sqlite:%s is a stream that is to be read, and the only record of its run; name another file", report.Printable(file))
}

// unknownProjections describes the tables in a store that the program does not know.
func unknownProjections(ctx context.Context, s store.Store) (words string, err error) {
	versions, err := s.Versions(ctx)
	for _, of := range s.Projections().Stored() {
		delete(versions, of.Name)
	}
	if err != nil || len(versions) == 0 {
		return "", err
	}
	names := slices.Sorted(maps.Keys(versions))
	return fmt.Sprintf("the store has projections that this program does not know (%s); it leaves their rows as they are", report.Printable(strings.Join(names, ", "))), nil
}
