package follow

import (
	"time"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// Options are those of [Follow]. Without a Store no rows are kept, and without a
// View nothing is shown.
type Options struct {
	// Streams says how streams are read.
	Streams jsonl.Options
	// Run is the id of the run, where a single stream is followed; the file's name
	// says it unless it is set.
	Run domain.RunID
	// Store is kept up to date. Who lets go of a stream once its rows are there has
	// to open it durable. It stays the caller's.
	Store store.Store
	// Retry waits for a store that is away; a new one unless set.
	Retry *Retry
	// Sink takes the segments of the streams, instead of a Store.
	Sink Sink
	// View is shown what is read.
	View View
	// Report is told what happens.
	Report Report
	// IdleTimeout, when set, is after which time without growing a stream is taken to be
	// at its end: its writer has died. A stream that is not there is waited for as long.
	IdleTimeout time.Duration
	// WriterGone, when set, is closed once nobody will write any more. What is there is then
	// read to its end, and Follow returns.
	WriterGone <-chan struct{}
	// Grace is how long what is under way may take when following ends; ten seconds
	// unless set.
	Grace time.Duration

	// PieceSize is how much of a stream is handed on at once, in bytes; 1 MiB unless set. A line
	// may be longer.
	PieceSize int

	quietAfter time.Duration // instead of the constant, in tests
}

// View shows runs. Its methods may be called by several goroutines at once, but for
// one run by one at a time.
type View interface {
	// Take shows what some entries have done to a run. They are not to be kept.
	Take(run domain.RunID, entries []domain.Entry)
	// Restart forgets a run, whose stream is read anew from its start.
	Restart(run domain.RunID)
	// Release says that a run will not go on soon. The view may forget what it needs for
	// that: when the run does go on, all of its entries come again first, by Replay.
	Release(run domain.RunID)
	// Replay is Take for entries that were shown before.
	Replay(run domain.RunID, entries []domain.Entry)
}

// Report has functions that report what a person may have to know. Each may be nil. Several
// goroutines may call them at once.
type Report struct {
	// Warn reports what following continues without, such as a watcher of changes.
	Warn func(error)
	// Skipped reports why a stream is not read on. It is called again if the stream was read once
	// more and failed again. run is "" if the id is another stream's, or none.
	Skipped func(run domain.RunID, err error)
	// Rewritten reports a run whose rows were derived again, because its stream is not the one that
	// was read before.
	Rewritten func(store.Result)
	// Waiting reports with each try that a run waits for the store, and why; then, with nil, that it
	// waits no more. If many runs wait, some of them try.
	Waiting func(run domain.RunID, err error)
	// Abandoned reports a stream whose writer is gone although its run has not finished.
	Abandoned func(run domain.RunID, path string)
	// Unfinished reports why the last lines of streams were not stored when following ended.
	Unfinished func(error)
}

func (o Options) withDefaults() Options {
	if o.Retry == nil {
		o.Retry = &Retry{}
	}
	if o.Grace <= 0 {
		o.Grace = 10 * time.Second
	}
	if o.PieceSize <= 0 {
		o.PieceSize = pieceSize
	}
	n := &o.Report
	if n.Warn == nil {
		n.Warn = func(error) {}
	}
	if n.Skipped == nil {
		n.Skipped = func(domain.RunID, error) {}
	}
	if n.Rewritten == nil {
		n.Rewritten = func(store.Result) {}
	}
	if n.Waiting == nil {
		n.Waiting = func(domain.RunID, error) {}
	}
	if n.Abandoned == nil {
		n.Abandoned = func(domain.RunID, string) {}
	}
	if n.Unfinished == nil {
		n.Unfinished = func(error) {}
	}
	return o
}

// Summary says how the runs stand that were followed.
type Summary struct {
	// Complete, Failed and Active count them; active are those too whose streams were
	// skipped before their end. CompleteSoFar are those without a run_finished whose jobs are
	// all complete.
	Complete, CompleteSoFar, Failed, Active int
	// Skipped are the reasons why streams that are there are not read on, in the order of
	// their paths.
	Skipped []error
	// Unread are the reasons why folders, or files in them, cannot be looked at: runs may be
	// missing.
	Unread []error
}
