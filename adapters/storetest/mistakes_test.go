package storetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

var mistakes = slices.Concat(rowMistakes, clearMistakes, transactionMistakes, readMistakes, listMistakes, holdMistakes, streamMistakes)

var rowMistakes = []mistake{
	{"commands end at a null byte", "any text is kept", inserting(func(rows *store.Rows) {
		for i := range rows.ShEvents {
			rows.ShEvents[i].Value.Cmd, _, _ = strings.Cut(rows.ShEvents[i].Value.Cmd, "\x00")
		}
	})},
	{"backslashes are taken for escapes", "any text is kept", inserting(func(rows *store.Rows) {
		for i := range rows.Diagnostics {
			if id := &rows.Diagnostics[i].Value.JobID; id.V == `\N` {
				*id = projections.Null[string]{}
			}
		}
	})},
	{"an id that is empty is null", "null is neither 0 nor empty", inserting(func(rows *store.Rows) {
		for i := range rows.Diagnostics {
			id := &rows.Diagnostics[i].Value.JobID
			id.Valid = id.V != ""
		}
	})},
	{"an exit code that is null is 0", "rows are read back as they were inserted", inserting(func(rows *store.Rows) {
		for i := range rows.Jobs {
			rows.Jobs[i].Value.ExitCode.Valid = true
		}
	})},
	{"numbers become floats", "the largest numbers are kept", inserting(func(rows *store.Rows) {
		for i := range rows.ShEvents {
			ms := &rows.ShEvents[i].Value.StartedAtMs
			*ms = int64(float64(*ms))
		}
	})},
	{"texts are cut at 100,000 bytes", "long texts are kept", inserting(func(rows *store.Rows) {
		for i := range rows.ShEvents {
			cmd := &rows.ShEvents[i].Value.Cmd
			*cmd = (*cmd)[:min(len(*cmd), 100_000)]
		}
	})},
	{"a long id is known by its beginning", "long texts are kept", inserting(func(rows *store.Rows) {
		for i := range rows.Jobs {
			id := &rows.Jobs[i].Value.JobID
			*id = (*id)[:min(len(*id), 2700)]
		}
	})},
	{"rows beyond a limit are dropped", "a large run is kept", inserting(func(rows *store.Rows) {
		rows.ShEvents = rows.ShEvents[:min(len(rows.ShEvents), 3999)]
	})},
	{"rows are looked at when the transaction commits", "rows are read back as they were inserted", brokenBy(func(tx *brokenTx) {
		var kept []*store.Rows
		tx.insert = func(rows *store.Rows) error {
			shallow := *rows
			kept = append(kept, &shallow)
			return nil
		}
		tx.late = func() error {
			for _, rows := range kept {
				if err := tx.Tx.Insert(rows); err != nil {
					return err
				}
			}
			return nil
		}
	})},
	{"a row that is there stays and is not told", "a row that is there is not inserted again", brokenBy(func(tx *brokenTx) {
		tx.insert = func(rows *store.Rows) error {
			_ = tx.Tx.Insert(rows)
			return nil
		}
	})},
	{"Clear and Insert add to what was there", "rows that are replaced are gone", brokenBy(func(tx *brokenTx) {
		tx.clear = func(runs []domain.RunID, tables store.Tables) error {
			return tx.Tx.Clear(runs, tables&^store.TableDiagnostics)
		}
		tx.insert = func(rows *store.Rows) error {
			err := tx.Tx.Insert(rows)
			if err != nil && strings.Contains(err.Error(), "diagnostics") {
				return nil
			}
			return err
		}
	})},
}

var clearMistakes = []mistake{
	{"Clear forgets the timings", "Clear removes the rows in its tables and nothing else", brokenBy(func(tx *brokenTx) {
		tx.clear = func(runs []domain.RunID, tables store.Tables) error {
			return tx.Tx.Clear(runs, tables&^store.TableTimings)
		}
	})},
	{"Clear removes from all tables", "Clear removes the rows in its tables and nothing else", brokenBy(func(tx *brokenTx) {
		tx.clear = func(runs []domain.RunID, _ store.Tables) error { return tx.Tx.Clear(runs, store.AllTables) }
	})},
	{"Clear knows one run", "Clear removes the rows in its tables and nothing else", brokenBy(func(tx *brokenTx) {
		tx.clear = func(runs []domain.RunID, tables store.Tables) error {
			return tx.Tx.Clear(runs[:min(len(runs), 1)], tables)
		}
	})},
	{"what is continued loses its commands", replacedRows, inserting(func(rows *store.Rows) {
		if rows.Stored.Run {
			rows.ShEvents = nil
		}
	})},
	{"a timing that is there is not replaced", replacedRows, inserting(func(rows *store.Rows) {
		rows.Timings = slices.DeleteFunc(rows.Timings, func(row jobTiming) bool { return row.Index < rows.Stored.Jobs })
	})},
	{"a run that is continued is cleared", replacedRows, brokenBy(func(tx *brokenTx) {
		tx.insert = func(rows *store.Rows) error {
			if rows.Stored.Run {
				rows.Stored = store.Stored{}
				return errors.Join(tx.Tx.Clear([]domain.RunID{rows.RunID}, store.AllTables), tx.Tx.Insert(rows))
			}
			return tx.Tx.Insert(rows)
		}
	})},
	{"Clear takes an id for a pattern", "runs of similar names are not mixed up", func() store.Store {
		return &confusing{memory.New(), func(a, b domain.RunID) bool { return strings.EqualFold(string(a), string(b)) }}
	}},
	{"a checkpoint outlives its rows", "a checkpoint is lost with any of its rows", func() store.Store { return &outliving{Store: memory.New()} }},
	{"a checkpoint is set once", "a checkpoint that is set again is another", brokenBy(func(tx *brokenTx) {
		cleared := false
		tx.clear = func(runs []domain.RunID, tables store.Tables) error {
			cleared = true
			return tx.Tx.Clear(runs, tables)
		}
		tx.checkpoint = func(run domain.RunID, checkpoint store.Checkpoint) error {
			if !cleared {
				return errors.New("the checkpoint is there")
			}
			return tx.Tx.SetCheckpoint(run, checkpoint)
		}
	})},
	{"where a line ends is not kept", "checkpoints are those that were set", brokenBy(func(tx *brokenTx) {
		tx.checkpoint = func(run domain.RunID, checkpoint store.Checkpoint) error {
			checkpoint.End = checkpoint.Mark
			return tx.Tx.SetCheckpoint(run, checkpoint)
		}
	})},
	{"the highest reducers are those that were set last", "Reducers are the lowest and the highest", func() store.Store {
		last := 0
		return &broken{Store: memory.New(), tx: func(tx *brokenTx) {
			tx.checkpoint = func(run domain.RunID, checkpoint store.Checkpoint) error {
				last = checkpoint.Reducers
				return tx.Tx.SetCheckpoint(run, checkpoint)
			}
			tx.reducers = func() (int, int, error) {
				lowest, _, err := tx.Tx.Reducers()
				return lowest, last, err
			}
		}}
	}},
	{"a statement takes 500 ids", "many runs can be named at once", func() store.Store {
		s := memory.New()
		return &listing{Store: s, checkpoints: func(ctx context.Context, runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
			return s.Checkpoints(ctx, runs[:min(len(runs), 500)])
		}}
	}},
}

const replacedRows = "rows of a run that is continued are added and replaced, and nothing else"

var transactionMistakes = []mistake{
	{"each call is a transaction", "an update that fails changes nothing", func() store.Store { return &autocommit{memory.New()} }},
	{"each call is a transaction, which is seen", "readers see what was there before an update that goes on", func() store.Store { return &autocommit{memory.New()} }},
	{"each call is a transaction, which readers see", "readers see whole runs while they are replaced", func() store.Store { return &autocommit{memory.New()} }},
	{"checkpoints are set outside of the transaction", "an update that fails changes nothing", func() store.Store { return &checkpointsAside{memory.New()} }},
	{"a panic commits", "an update that panics changes nothing", func() store.Store { return &commitsPanics{memory.New()} }},
	{"a panic is swallowed", "an update that panics changes nothing", func() store.Store { return &swallowsPanics{Store: memory.New()} }},
	{"an error of the function is lost", "an update that is cancelled changes nothing", func() store.Store { return &losesErrors{memory.New()} }},
	{"contexts are not looked at", "what is cancelled does nothing", func() store.Store { return &patient{memory.New()} }},
	{"Lock does not lock", "no update of a run is lost", func() store.Store { return &lockless{memory.New()} }},
	{"Lock does not wait", "Lock waits for who has the run, and sees what that one wrote", func() store.Store { return &lockless{memory.New()} }},
	{"Lock returns what was there before it waited", "Lock waits for who has the run, and sees what that one wrote", func() store.Store { return &stale{memory.New()} }},
	{"Lock waits without its context", "waiting for a lock can be cancelled", func() store.Store { return &patient{memory.New()} }},
	{"runs are locked in the order that they are named in", "runs that are locked in any order do not block each other for ever", func() store.Store {
		return &deadlocking{Store: memory.New(), locks: map[domain.RunID]chan struct{}{}}
	}},
}

var readMistakes = []mistake{
	{"positions count from 0", "rows are read back as they were inserted", misread(func(view *brokenSnapshot) {
		view.jobs = eachRow(func(row *job) { row.Index-- })
	})},
	{"rows come in the order of their keys", "rows are read back as they were inserted", misread(func(view *brokenSnapshot) {
		view.jobs = sortedBy(func(a, b job) int { return cmp.Compare(a.Value.JobID, b.Value.JobID) })
	})},
	{"a duration that is negative is 0", "the largest numbers are kept", misread(func(view *brokenSnapshot) {
		view.shTimings = eachRow(func(row *shTiming) { row.Value.DurationMs.Valid = true })
	})},
	{"a null is 0 when it is read", "null is neither 0 nor empty", misread(func(view *brokenSnapshot) {
		view.row = func(row store.Run) store.Run {
			row.WallMs.Valid = true
			return row
		}
	})},
	{"each read sees what is there by then", "a view is of one moment", func() store.Store { return &unisolated{memory.New()} }},
	{"errors of a view are lost", "an error of a view is returned", func() store.Store { return &losesErrors{memory.New()} }},
	{"one sequence at a time", "sequences can be taken from in turn", misread(func(view *brokenSnapshot) {
		busy := false
		view.jobs, view.shTimings = exclusive[job](&busy), exclusive[shTiming](&busy)
	})},
	{"a sequence cannot be begun again", "a sequence can be broken off and begun again", misread(func(view *brokenSnapshot) {
		view.jobs = withinConnections[job](new(int), 1)
	})},
	{"a sequence that is left keeps its connection", "views that are left early leave nothing behind", func() store.Store {
		used := 0
		return &broken{Store: memory.New(), view: func(view *brokenSnapshot) { view.jobs = withinConnections[job](&used, 8) }}
	}},
	{"a run that is not stored is an error", "a run that is not stored reads as nothing", func() store.Store { return &missingRuns{memory.New()} }},
}

var listMistakes = []mistake{
	{"runs that have not started come first", "pages of runs have each run once, newest first", listingRuns(func(a, b store.Run) int {
		if a.StartedAtMs.Valid != b.StartedAtMs.Valid {
			return -newestFirst(a, b)
		}
		return newestFirst(a, b)
	})},
	{"runs of the same time come in any order", "pages of runs have each run once, newest first", listingRuns(func(a, b store.Run) int {
		if a.StartedAtMs == b.StartedAtMs {
			return -newestFirst(a, b)
		}
		return newestFirst(a, b)
	})},
	{"the next page begins with the next time", "pages of runs have each run once, newest first", listingRuns(func(a, b store.Run) int {
		if a.StartedAtMs == b.StartedAtMs {
			return 0
		}
		return newestFirst(a, b)
	})},
	{"ids are compared as words", "pages of ids have each id once, in the order of bytes", listingIDs(func(a, b domain.RunID) int {
		return cmp.Or(strings.Compare(strings.ToLower(string(a)), strings.ToLower(string(b))), cmp.Compare(a, b))
	})},
	{"ids are compared as UTF-16", "pages of ids have each id once, in the order of bytes", listingIDs(func(a, b domain.RunID) int {
		return bytes.Compare(utf16Bytes(a), utf16Bytes(b))
	})},
	{"a run without a checkpoint is not listed", "rows of any table make a run", func() store.Store {
		s := memory.New()
		return &listing{Store: s, runIDs: func(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
			ids, err := s.RunIDs(ctx, after, limit)
			return slices.DeleteFunc(ids, func(id domain.RunID) bool {
				checkpoints, _ := s.Checkpoints(ctx, []domain.RunID{id})
				return len(checkpoints) == 0
			}), err
		}}
	}},
	{"a page has all runs", "a page has 50 runs unless it says otherwise", func() store.Store {
		s := memory.New()
		return &listing{Store: s, runs: func(ctx context.Context, page store.Page) ([]store.Run, error) {
			page.Limit = cmp.Or(page.Limit, 1000)
			return s.Runs(ctx, page)
		}}
	}},
}
