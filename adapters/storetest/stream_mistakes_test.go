package storetest

import (
	"context"
	"errors"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// Mistakes that a store can make and that only show in what stands on it, or
// there as well.
var streamMistakes = []mistake{
	{"a timing that is there is not replaced", "a stream that has grown is read on", inserting(func(rows *store.Rows) {
		rows.Timings = slices.DeleteFunc(rows.Timings, func(row jobTiming) bool { return row.Index < rows.Stored.Jobs })
	})},
	{"a command that closes stays open", "a stream is read on from the end of any line", inserting(func(rows *store.Rows) {
		rows.ShEvents = slices.DeleteFunc(rows.ShEvents, func(row shEvent) bool { return row.Index < rows.Stored.ShEvents })
	})},
	{"Clear forgets the diagnostics", "a stream that is another gives the rows of that", brokenBy(func(tx *brokenTx) {
		tx.clear = func(runs []domain.RunID, tables store.Tables) error {
			return tx.Tx.Clear(runs, tables&^store.TableDiagnostics)
		}
	})},
	{"where a line ends is not kept", "a last line without a line feed may go on otherwise", brokenBy(func(tx *brokenTx) {
		tx.checkpoint = func(run domain.RunID, checkpoint store.Checkpoint) error {
			checkpoint.Mark = checkpoint.End
			return tx.Tx.SetCheckpoint(run, checkpoint)
		}
	})},
	{"Clear knows no runs", "streams of several runs do not mix", func() store.Store {
		return &confusing{memory.New(), func(domain.RunID, domain.RunID) bool { return true }}
	}},
	{"each call is a transaction", "an error of any call leaves whole runs", func() store.Store { return &autocommit{memory.New()} }},
	{"each call is a transaction", "a panic at each call in turn leaves whole runs", func() store.Store { return &autocommit{memory.New()} }},
	{"each call is a transaction", "an end of the context at each call in turn leaves whole runs", func() store.Store { return &autocommit{memory.New()} }},
	{"a panic commits", "a panic at any call leaves whole runs", func() store.Store { return &commitsPanics{memory.New()} }},
	{"each call is a transaction", "a rebuild that fails at any call leaves whole runs", func() store.Store { return &autocommit{memory.New()} }},
	{"each call is a transaction", "a stream is read as one of its versions while it grows", func() store.Store { return &autocommit{memory.New()} }},
	{"Lock does not lock", "a stream can be taken in by several while it grows", func() store.Store { return &lockless{memory.New()} }},
	{"a transaction takes 200 runs", "short runs are written many at once", brokenBy(func(tx *brokenTx) {
		tx.lock = func(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
			if len(runs) > 200 {
				return nil, errors.New("too many")
			}
			return tx.Tx.Lock(runs)
		}
	})},
	{"a run is removed before it is replaced", "no reader misses a run while it is rebuilt", func() store.Store { return &autocommit{memory.New()} }},
	{"ids are not found in pages", "a rebuild removes the runs that have no stream, when asked", func() store.Store {
		s := memory.New()
		return &listing{Store: s, runIDs: func(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
			ids, err := s.RunIDs(ctx, after, limit)
			return ids[:max(len(ids)-1, 0)], err
		}}
	}},
	{"a number is read as another", "Verify finds the row that was changed", misread(func(view *brokenSnapshot) {
		view.row = func(row store.Run) store.Run {
			row.Events = 7
			return row
		}
	})},
	{"an exit code that is null is 0", "the same transactions leave the same rows", inserting(func(rows *store.Rows) {
		for i := range rows.Jobs {
			rows.Jobs[i].Value.ExitCode.Valid = true
		}
	})},
	{"a timing that is there is not replaced", "the same transactions leave the same rows", inserting(func(rows *store.Rows) {
		rows.Timings = slices.DeleteFunc(rows.Timings, func(row jobTiming) bool { return row.Index < rows.Stored.Jobs })
	})},
	{"Clear forgets the diagnostics", "the same streams give the same rows", brokenBy(func(tx *brokenTx) {
		tx.clear = func(runs []domain.RunID, tables store.Tables) error {
			return tx.Tx.Clear(runs, tables&^store.TableDiagnostics)
		}
	})},
}
