package follow

import (
	"time"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Options are the options of [Follow]. Without a Store or a Sink, no rows are written; without a View,
// nothing is shown.
type Options struct {
	// Streams has the options for reading streams.
	Streams jsonl.Options
	// Run is the id of the run if a single stream is followed. The default is derived from the file's
	// name.
	Run domain.RunID
	// Store receives the rows. Open it as durable if you discard streams once their rows are stored.
	// Follow does not close it.
	Store store.Store
	// Retry handles a store that is unavailable. The default is a new Retry.
	Retry *Retry
	// Sink receives the segments of the streams, instead of a Store.
	Sink Sink
	// View shows the runs.
	View View
	// Report receives events that may concern a person.
	Report Report
	// IdleTimeout, if set, is how long a stream may be idle before it is considered ended, because
	// its writer has died. Follow waits as long for a stream that does not exist.
	IdleTimeout time.Duration
	// WriterGone, if set, is closed when no writer is left. Follow then reads the streams to their
	// ends, and returns.
	WriterGone <-chan struct{}
	// Grace is how long current work may take when following ends. The default is ten seconds.
	Grace time.Duration

	// PieceSize is how many bytes of a stream are passed on at once. The default is 1 MiB. A line may
	// be longer.
	PieceSize int

	quietAfter time.Duration // replaces the constant in tests
	outdated   func(error)   // is called once the store is of another version
}

// View shows runs by their rows: with a store, those that the store has, otherwise those that Follow
// derives. Several goroutines may call its methods at once, but for each run, one call at a time.
type View interface {
	// Show shows rows of a run: all of them, if whole is set, which replace those that were shown
	// before, or those that may have changed since the last call. each calls take with rows of
	// [projections.Runs], [projections.RunTimings], [projections.Jobs], [projections.ShEvents] and perhaps
	// others, those of jobs before those of commands. A row is valid until take returns.
	Show(run domain.RunID, whole bool, each func(take func(*projections.Definition, projections.AnyRow)))
	// Restart forgets a run, because its stream is read again from its start, or was replaced.
	Restart(run domain.RunID)
	// Release says that no changes of the run are expected soon. The view may forget the run's rows: if
	// the run continues later, Show first receives all of them again.
	Release(run domain.RunID)
	// Trouble shows why reading the run has stopped, until more of it is read.
	Trouble(run domain.RunID, message string)
	// Waiting shows what the run waits for; "" means that it no longer waits. If many runs wait for
	// the store, only some of them retry, and only these are shown as waiting.
	Waiting(run domain.RunID, message string)
}

// Report has functions that report problems and progress to the user. Each may be nil. Several
// goroutines may call them at once.
type Report struct {
	// Warn reports, once, what Follow continues without, such as a watcher of changes.
	Warn func(error)
	// Skipped reports why reading a stream has stopped. It is called again if a later attempt fails
	// for another reason. run is "" if the stream has no id, or the id of another stream.
	Skipped func(run domain.RunID, err error)
	// Rewritten reports a run whose rows were derived again because its stream differs from the one
	// that was read before.
	Rewritten func(store.Result)
	// Written reports runs whose rows follow their streams, each time that rows were written.
	Written func([]store.WrittenRun)
	// Abandoned reports a stream whose writer is gone but whose run has not finished.
	Abandoned func(run domain.RunID, path string)
	// Unfinished reports why the last lines of streams were not stored when following ended.
	Unfinished func(error)
}

// Tell sets Report and Retry so that they tell a person what happens: say writes a line, and tell an
// error of a stream.
func (o *Options) Tell(say func(words string), tell func(error)) {
	o.Retry = &Retry{
		Away: func(err error) { say(err.Error() + "; waiting until it is back") },
		Back: func() { say("the store is back; nothing was lost") },
	}
	o.Report = Report{
		Warn:      func(err error) { say(err.Error()) },
		Skipped:   func(_ domain.RunID, err error) { tell(err) },
		Rewritten: func(result store.Result) { say(result.Words()) },
		Abandoned: func(_ domain.RunID, path string) {
			if path == jsonl.Stdin {
				path = "standard input"
			}
			say(path + ": the run has no end, and its writer is gone; its events so far were read")
		},
		Unfinished: func(err error) { say(err.Error() + "; run the same command again to continue") },
	}
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
	if n.Written == nil {
		n.Written = func([]store.WrittenRun) {}
	}
	if n.Abandoned == nil {
		n.Abandoned = func(domain.RunID, string) {}
	}
	if n.Unfinished == nil {
		n.Unfinished = func(error) {}
	}
	return o
}

// Summary describes the runs that were followed.
type Summary struct {
	// Complete, Failed and Active count the runs by state. Active includes runs whose streams were
	// skipped before their ends. CompleteSoFar counts the runs without a run_finished whose jobs are
	// all complete.
	Complete, CompleteSoFar, Failed, Active int
	// Skipped has the reasons why existing streams were skipped, in the order of their paths.
	Skipped []error
	// Unread has the reasons why folders, or files in them, cannot be examined. Runs may be missing.
	Unread []error
}
