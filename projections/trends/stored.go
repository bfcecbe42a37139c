package trends

import (
	"context"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/compare"
	"github.com/quire-ci/quire-project/projections/store"
)

// Stored returns the trends of a page of a store's runs. The functions prepare each run, see [compare.AssumeEnded].
func Stored(ctx context.Context, s store.Store, page store.Page, lastLine LastLine, prepare ...func(*projections.Record)) (*Trends, error) {
	runs, err := s.Runs(ctx, page)
	if err != nil {
		return nil, err
	}
	return Of(ctx, s, runs, lastLine, prepare...)
}

// Of returns the trends of some runs of a store, as Stored does; [store.Select] chooses them.
func Of(ctx context.Context, s store.Store, runs []store.Listed, lastLine LastLine, prepare ...func(*projections.Record)) (*Trends, error) {
	latest := Latest(len(runs))
	err := compare.EachStored(ctx, s, runs, prepare, func(r *projections.Record) { latest.Add(r, lastLine) })
	if err != nil {
		return nil, err
	}
	return latest.Trends(), nil
}
