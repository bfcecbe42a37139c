package store

import "github.com/quire-ci/quire-project/projections"

// Options are those of [Ingest], [IngestAll] and [Rebuild].
type Options struct {
	// Tables are those that are wanted; nil means all of them. With less than
	// all, a run that is up to date gets its rows in these tables anew; any
	// other run is written as a whole, since rows of different moments are
	// never mixed.
	Tables []*projections.Definition
	// Force derives the rows of runs that are up to date again.
	Force bool
	// DryRun only finds out what would be done.
	DryRun bool
	// Prune removes runs that have none of the streams; not for Ingest.
	Prune bool
	// Done, when set, is called with the result of each run, in the order of
	// the streams, when it is safely stored.
	Done func(Result)
}

func (o *Options) done(result Result) {
	if o.Done != nil {
		o.Done(result)
	}
}
