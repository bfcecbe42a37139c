package store

import "context"

// PruneInPages prunes as [IngestAll] does, but looks for so many stored runs at once.
func PruneInPages(ctx context.Context, s Store, sources Sources, page int, done func(Result)) error {
	p := newPipeline(s, sources, Options{Done: done})
	p.page = page
	return p.prune(ctx)
}
