package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// ingest is the main command where --to names a store: it brings the store's
// rows up to the source.
func ingest(ctx context.Context, paths []string, flags projectFlags, p *app) (err error) {
	if err := flags.checkStore(); err != nil {
		return err
	}
	sources, err := flags.findRuns(paths)
	if err != nil {
		return err
	}
	s, err := p.open(ctx, flags.to, stores.Options{}, sources)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, s.Close()) }()
	bar := newProgress(p.err, sources, false)
	defer bar.stop()
	t := &taking{ctx: ctx, store: s, err: bar, interrupted: sources.interrupted(), exitStatus: flags.exitStatus}
	if sources.many {
		return ingestAll(t, sources, bar)
	}
	result, err := store.Ingest(ctx, s, sources.recording(bar.counter()), store.Options{})
	if err == nil {
		t.done(result)
		t.remind()
	}
	return t.end(err)
}

func ingestAll(t *taking, sources sources, bar *progress) error {
	summary, err := store.IngestAll(t.ctx, t.store, sources.recordings(bar.counter()), store.Options{Done: t.done})
	if err == nil {
		say(bar, summarize(summary))
		t.remind()
	}
	return t.end(err)
}

// remind says how what the store has differs from what the program knows, which is
// nobody's fault.
func (t *taking) remind() {
	outdated, err := t.store.Outdated(t.ctx, "", 1)
	if err == nil && len(outdated) > 0 {
		say(t.err, fmt.Sprintf("the store has runs whose rows of %s are missing or of an older version, such as run %s; quire-project rebuild derives them", t.lacking(outdated[0]), outdated[0]))
	}
	if words, err := unknownProjections(t.ctx, t.store); err == nil && words != "" {
		say(t.err, words)
	}
}

// lacking names the projections that a run has no rows of, or older ones.
func (t *taking) lacking(run domain.RunID) string {
	stored, err := t.store.Checkpoints(t.ctx, []domain.RunID{run})
	if err != nil {
		return "some projections"
	}
	missing, _ := projections.Missing(t.store.Projections().Stored(), projections.Versions(stored[run].Projections))
	return strings.Join(projections.Names(missing), ", ")
}

// checkStore checks the flags for a store, to which those that say how a report looks do
// not apply.
func (f *projectFlags) checkStore() error {
	for _, flag := range []struct {
		given bool
		what  string
	}{
		{f.output != "", "-o goes with a report; a store has a place of its own"},
		{len(f.projections) > 0, "--projection goes with a report; a store is given all rows, and rebuild --projection writes some of them anew"},
		{f.pretty, "--pretty goes with --to json, not with a store"},
	} {
		if flag.given {
			return usageError(errors.New(flag.what))
		}
	}
	return cmp.Or(checkStore(f.to), f.exitStatus.check())
}

// findRuns is find for commands that keep runs by their ids.
func (f *readFlags) findRuns(paths []string) (sources, error) {
	if f.runID != "" {
		if err := store.CheckRunID(domain.RunID(f.runID)); err != nil {
			return sources{}, usageError(fmt.Errorf("--run-id: %w", err))
		}
	}
	return f.find(paths)
}
