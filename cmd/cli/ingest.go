package cli

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// ingest is the main command if --to names a store: it updates the store's rows.
func ingest(ctx context.Context, paths []string, flags projectFlags, p *app) (err error) {
	if err := flags.checkStore(); err != nil {
		return err
	}
	streams, err := flags.findRuns(paths)
	if err != nil {
		return err
	}
	s, err := p.open(ctx, flags.to, stores.Options{}, streams)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, s.Close()) }()
	bar := p.newProgress(&streams, false)
	defer bar.stop()
	r := &ingestReporter{ctx: ctx, store: s, err: bar, exitStatus: flags.exitStatus}
	summary, err := store.IngestAll(ctx, s, streams, store.Options{Done: r.done})
	if err == nil {
		if streams.Many() {
			say(bar, summary.String())
		}
		r.remind()
	}
	return r.end(err, streams)
}

// checkStore checks the flags for a store, which does not support the flags for the layout of a
// report.
func (f *projectFlags) checkStore() error {
	switch {
	case f.output != "":
		return command.Usage("-o goes with a report; a store has a place of its own")
	case len(f.projections) > 0:
		return command.Usage("--projection goes with a report; a store is given all rows, and rebuild --projection writes some of them anew")
	case f.logs != "":
		return command.Usage("--logs goes with a report; a store has no logs")
	case f.pretty:
		return command.Usage("--pretty goes with --to json, not with a store")
	}
	return cmp.Or(checkStore(f.to), f.exitStatus.check())
}

// ingestReporter reports the outcome of each run.
type ingestReporter struct {
	ctx   context.Context
	store store.Store
	err   io.Writer
	// changes, when set, receives each change that a dry run would make.
	changes    *bufio.Writer
	exitStatus runStatus

	skipped []store.Result
	status  int   // the status for streams that could not be read
	outcome int   // the status that --exit-status requests
	failed  error // the error of the store
}

func (r *ingestReporter) done(result store.Result) {
	switch {
	case result.Outcome == store.Skipped:
		if r.changes != nil {
			_ = r.changes.Flush() // write the known changes before the error; Flush returns its own error again later
		}
		tell(r.err, result.Err)
		r.skipped = append(r.skipped, result)
		r.status = worse(r.status, statusOf(result.Err))
		return
	case result.Outcome == store.Rewritten && r.changes == nil:
		say(r.err, rewritten(result))
	}
	if r.changes != nil && result.Outcome != store.Unchanged {
		fmt.Fprintf(r.changes, "%s %s\n", result.Outcome, report.Printable(string(result.RunID)))
	}
	if r.exitStatus.wanted && result.Outcome != store.Pruned && r.outcome != statusFailed && r.failed == nil {
		row, err := store.ReadRun(r.ctx, r.store, result.RunID)
		if r.failed = err; err == nil {
			r.outcome = worse(r.outcome, r.exitStatus.of(&row.Run))
		}
	}
}

func rewritten(result store.Result) string {
	before := ""
	if result.Before != "" {
		before = " (" + result.Before + ")"
	}
	return fmt.Sprintf("run %s: the stream is not the one that was read%s; its rows were derived again from its start", result.RunID, before)
}

// remind reports how the store's projections differ from the program's.
func (r *ingestReporter) remind() {
	outdated, err := r.store.Outdated(r.ctx, "", 1)
	if err == nil && len(outdated) > 0 {
		say(r.err, fmt.Sprintf("the store has runs whose rows of %s are missing or of an older version, such as run %s; quire-project rebuild derives them", r.missing(outdated[0]), outdated[0]))
	}
	if words, err := unknownProjections(r.ctx, r.store); err == nil && words != "" {
		say(r.err, words)
	}
}

// missing returns the names of the projections for which a run has no rows, or outdated ones.
func (r *ingestReporter) missing(run domain.RunID) string {
	stored, err := r.store.Checkpoints(r.ctx, []domain.RunID{run})
	if err != nil {
		return "some projections"
	}
	missing, _ := projections.Missing(r.store.Projections().Stored(), projections.Versions(stored[run].Projections))
	return strings.Join(projections.Names(missing), ", ")
}

// end returns the error of the command. err is the error of the work.
func (r *ingestReporter) end(err error, streams jsonl.Streams) error {
	switch err = cmp.Or(err, r.failed); {
	case err != nil && r.ctx.Err() != nil: // regardless of other consequences
		return interruption(streams)
	case err != nil:
		return err
	}
	return command.End(worse(r.status, r.outcome))
}
