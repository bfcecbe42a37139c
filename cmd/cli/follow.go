package cli

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/live"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// followFlags are the flags of follow.
type followFlags struct {
	readFlags
	to         string
	exitStatus runStatus
	quiet      bool
	writerFlags
}

func newFollow(p *app) *cobra.Command {
	var flags followFlags
	cmd := help.Command("follow", &cobra.Command{
		Args: p.oneSource, ValidArgsFunction: completeSources,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.writerFlags.check(cmd, args[0]); err != nil {
				return err
			}
			return followStreams(cmd.Context(), args[0], flags, p)
		},
	})
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&flags.to, "to", "", "keep this `store` up to date: "+stores.Syntax)
	f.BoolVarP(&flags.quiet, "quiet", "q", false, "show nothing; for work with --to")
	flags.exitStatus.add(f)
	flags.writerFlags.add(f)
	flags.readFlags.add(cmd)
	_ = cmd.RegisterFlagCompletionFunc("to", completeTarget())
	return cmd
}

// followStreams follows streams. If the database file disappears, it starts again with a new one,
// because all streams, including those of finished runs, still exist.
func followStreams(ctx context.Context, path string, flags followFlags, p *app) error {
	for {
		if err := followOnce(ctx, path, flags, p); path == jsonl.Stdin || !errors.Is(err, store.ErrGone) {
			return err
		}
	}
}

// followOnce follows to the end, or until a [store.ErrGone], which it reports.
func followOnce(ctx context.Context, path string, flags followFlags, p *app) (err error) {
	if err := flags.exitStatus.check(); err != nil {
		return err
	}
	folder, err := flags.checkGrowing(path)
	if err != nil {
		return err
	}
	tuneMemory(50) // many idle runs are live, and little is allocated
	r := newFollowReporter(ctx, p.err)
	defer func() {
		if path == jsonl.Stdin || !errors.Is(err, store.ErrGone) {
			err = r.end(err)
			return
		}
		r.say(err.Error() + "; following starts again, with a new database")
		_ = r.end(nil)
	}()
	options := follow.Options{Streams: flags.options(), Run: domain.RunID(flags.runID), Retry: r.retry(), Report: r.report(), Grace: closing}
	if options.IdleTimeout, options.WriterGone, err = flags.writer(ctx); err != nil {
		return err
	}
	if flags.to != "" {
		s, err := flags.openFollowed(ctx, path, p, options.Retry)
		if err != nil {
			return followEnd(err, folder, false)
		}
		defer func() { err = cmp.Or(err, s.Close()) }()
		options.Store = s
		if words, err := unknownProjections(ctx, s); err == nil && words != "" {
			r.say(words)
		}
	}
	if !flags.quiet {
		if _, err := os.Stat(path); path != jsonl.Stdin && errors.Is(err, fs.ErrNotExist) {
			r.say("waiting for " + path + ", which is not there yet")
		}
		r.show(live.Open(ctx, p.out, live.Options{Wait: flags.to == ""})) // with a store, a slow reader must not delay rows
		options.View = r.view
	}
	summary, err := run(ctx, path, options)
	if err := followEnd(r.closeView(err), folder, flags.to != "" && path != jsonl.Stdin); err != nil {
		return err
	}
	if status := cmp.Or(skippedStatus(slices.Concat(summary.Skipped, summary.Unread)), flags.exitStatus.ofAll(summary)); status != statusOK {
		return command.End(status)
	}
	return nil
}

// run follows a file, a folder, or standard input.
func run(ctx context.Context, path string, options follow.Options) (follow.Summary, error) {
	if path != jsonl.Stdin {
		return follow.Follow(ctx, path, options)
	}
	source := jsonl.Locate(path)
	source.Run = cmp.Or(options.Run, source.Run)
	file, err := source.Open()
	if err != nil {
		return follow.Summary{}, err
	}
	defer file.Close()
	return follow.Read(ctx, file.Bytes(), source, options)
}

// skippedStatus returns the exit status for streams that were skipped.
func skippedStatus(skipped []error) int {
	status := statusOK
	for _, err := range skipped {
		status = worse(status, statusOf(err))
	}
	return status
}

// followEnd returns the error of the command. err is why following ended; stored is set if a store has
// what was read.
func followEnd(err error, folder, stored bool) error {
	switch {
	case !errors.Is(err, context.Canceled):
		return err
	case folder:
		return nil
	case stored:
		return errResumable
	}
	return errInterrupted
}

// ofAll returns the exit status for the states of all runs.
func (e *runStatus) ofAll(summary follow.Summary) int {
	switch {
	case !e.wanted:
		return statusOK
	case summary.Failed > 0:
		return statusFailed
	case summary.Active > 0, summary.CompleteSoFar > 0 && !e.assumeEnded:
		return statusActive
	}
	return statusOK
}
