package trends

import (
	"context"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/compare"
	"github.com/quire-ci/quire-project/projections/store"
)

// Stored returns the trends of a store's runs that are selected. The functions prepare each run, see [compare.AssumeEnded].
func Stored(ctx context.Context, s store.Store, selected store.Selection, lastLine LastLine, prepare ...func(*projections.Record)) (*Trends, error) {
	runs, err := store.Select(ctx, s, selected)
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
