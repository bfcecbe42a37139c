package cli

import (
	"cmp"
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

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
	return at, cmp.Or(format, report.Table), checkStore(at)
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
		return nil, command.Usage("--to: sqlite:%s is a stream that is to be read, and the only record of its run; name another file", report.Printable(file))
	}
	options.Projections = p.set
	s, err := stores.Open(ctx, to, options)
	switch {
	case errors.As(err, new(*stores.AddressError)):
		return nil, command.Usage("--to: %w", err)
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return s, err
}
