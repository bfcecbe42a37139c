package store

import "context"

// InBatches returns options with batches of this size.
func (o Options) InBatches(rows int) Options {
	o.batch = rows
	return o
}

// PruneInPages prunes as [IngestAll] does, but looks for so many stored runs at once.
func PruneInPages(ctx context.Context, s Store, sources Sources, page int, done func(Result)) error {
	p := newPipeline(s, sources, Options{Done: done})
	p.page = page
	return p.prune(ctx)
}
