package trends

import (
	"context"
	"errors"

	"github.com/quire-ci/quire-project/projections/store"
)

// Stored returns the trends of a page of a store's runs.
func Stored(ctx context.Context, s store.Store, page store.Page, lastLine LastLine) (*Trends, error) {
	runs, err := s.Runs(ctx, page)
	if err != nil {
		return nil, err
	}
	latest := Latest(len(runs))
	for i := range runs {
		record, err := store.ReadRecord(ctx, s, runs[i].RunID)
		switch {
		case err == nil:
			latest.Add(record, lastLine)
		case !errors.Is(err, store.ErrNoRun): // which was removed in the meantime
			return nil, err
		}
	}
	return latest.Trends(), nil
}
