package compare

import (
	"context"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Previous returns the latest run of the same pipeline that a store has before a run, or an empty id if it
// is not among the latest ones before it.
func Previous(ctx context.Context, s store.Store, run domain.RunID) (domain.RunID, error) {
	of, err := store.ReadRecord(ctx, s, run)
	if err != nil {
		return "", err
	}
	runs, err := before(ctx, s, of)
	if err != nil {
		return "", err
	}
	for i := range runs {
		if SamePipeline(of, &projections.Record{Labels: runs[i].Labels}) {
			return runs[i].RunID, nil
		}
	}
	return "", nil
}

// before returns the latest runs of the same repository that a store has before a run, newest first.
func before(ctx context.Context, s store.Store, of *projections.Record) ([]store.Listed, error) {
	page := store.Page{Limit: mostStored, After: &store.Run{Run: of.Run, RunTiming: of.Timings.Run}}
	if repo := Label(of, "repo"); repo != "" {
		page.Label = &projections.Label{Key: "repo", Value: repo}
	}
	return s.Runs(ctx, page)
}
