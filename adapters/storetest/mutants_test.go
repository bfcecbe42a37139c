package storetest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

const (
	anyValue = "any value is kept"
	reported = "reported rows are those of a fold of the stream"
	filtered = "pages list each run that belongs to them once, in their order"
)

// mutants are the mistakes that a store can make.
var mutants = []mutant{
	// Rows.
	{"texts end at a null byte", anyValue, insertingTexts(func(_ *projections.Column, text string) string {
		before, _, _ := strings.Cut(text, "\x00")
		return before
	})},
	{"invalid UTF-8 is replaced", anyValue, insertingTexts(func(_ *projections.Column, text string) string { return strings.ToValidUTF8(text, "\uFFFD") })},
	{"backslashes are taken for escapes", anyValue, inserting(func(c *projections.Column, row projections.Ref) {
		if c.Type == projections.Text && !c.Key && c.Text(row) == `\N` {
			set(c, row, "")
		}
	})},
	{"an empty text becomes null", anyValue, inserting(func(c *projections.Column, row projections.Ref) {
		if c.Nullable && c.Type == projections.Text && c.Text(row) == "" {
			set(c, row, nil)
		}
	})},
	{"null becomes 0", anyTransaction, inserting(nullIsZero)},
	{"null is read as 0", anyValue, readingRows(func(of definition, row *anyRow) {
		for i := range of.Columns {
			nullIsZero(&of.Columns[i], row.Value)
		}
	})},
	{"numbers become floats", anyValue, inserting(func(c *projections.Column, row projections.Ref) {
		if c.Type == projections.Int && c.Bits == 64 && !c.IsNull(row) {
			set(c, row, int64(float64(c.Int(row))))
		}
	})},
	{"numbers are cut to 32 bits", anyValue, inserting(func(c *projections.Column, row projections.Ref) {
		if c.Type == projections.Int && !c.IsNull(row) {
			set(c, row, int64(int32(c.Int(row))))
		}
	})},
	{"true becomes null", anyTransaction, inserting(func(c *projections.Column, row projections.Ref) {
		if c.Type == projections.Bool && !c.IsNull(row) {
			set(c, row, false)
		}
	})},
	{"final is not stored", anyTransaction, insertingRows(func(_ store.TableRows, row *anyRow) bool {
		row.Final = false
		return true
	})},
	{"texts are cut at 100,000 bytes", "long texts are kept", insertingTexts(func(_ *projections.Column, text string) string { return text[:min(len(text), 100_000)] })},
	{"keys are compared by their beginnings", "long texts are kept", insertingTexts(func(c *projections.Column, text string) string {
		if c.Key {
			text = text[:min(len(text), 2700)]
		}
		return text
	})},
	{"rows beyond a limit are dropped", "a large run is kept", insertingRows(func(_ store.TableRows, row *anyRow) bool { return row.Index < 3999 })},
	{"rows are read only at the commit", anyTransaction, inTx(func(tx *mutantTx) {
		var kept []*store.Rows
		insert := tx.insert
		tx.insert = func(rows *store.Rows) error {
			shallow := *rows
			kept = append(kept, &shallow)
			return nil
		}
		tx.late = func() error {
			for _, rows := range kept {
				if err := insert(rows); err != nil {
					return err
				}
			}
			return nil
		}
	})},
	{"an existing row stays, without an error", "an existing row cannot be inserted again", inTx(func(tx *mutantTx) {
		insert := tx.insert
		tx.insert = func(rows *store.Rows) error {
			_ = insert(rows)
			return nil
		}
	})},
	{"Clear and Insert keep the old rows", anyTransaction, inTx(func(tx *mutantTx) {
		clear, insert := tx.clear, tx.insert
		tx.clear = func(runs []domain.RunID, of []definition) error { return clear(runs, of[:len(of)/2]) }
		tx.insert = func(rows *store.Rows) error {
			if err := insert(rows); err != nil && !strings.Contains(err.Error(), "there") {
				return err
			}
			return nil
		}
	})},

	// Clearing.
	{"Clear misses a table", anyTransaction, clearingAllBut(retries.Definition)},
	{"Clear removes from all tables", anyTransaction, clearing(func(runs []domain.RunID, _ []definition) ([]domain.RunID, []definition) { return runs, Set.Stored() })},
	{"Clear clears only one run", anyTransaction, clearing(func(runs []domain.RunID, of []definition) ([]domain.RunID, []definition) {
		return runs[:min(len(runs), 1)], of
	})},
	{"Clear uses an id as a pattern", anyTransaction, confusing(func(a, b domain.RunID) bool { return strings.EqualFold(string(a), string(b)) })},
	{"a continued run loses its commands", anyTransaction, insertingRows(func(t store.TableRows, _ *anyRow) bool {
		return t.Of != projections.ShEvents.Definition || t.Stored == 0
	})},
	{"an existing timing is not replaced", anyTransaction, notReplacing(projections.JobTimings.Definition)},
	{"a continued run is cleared", anyTransaction, inTx(func(tx *mutantTx) {
		insert := tx.insert
		tx.insert = func(rows *store.Rows) error {
			if !rows.Continued {
				return insert(rows)
			}
			anew := *rows
			anew.Continued, anew.Tables = false, slices.Clone(rows.Tables)
			for i := range anew.Tables {
				anew.Tables[i].Stored = 0
			}
			return errors.Join(tx.clear([]domain.RunID{rows.RunID}, Set.Stored()), insert(&anew))
		}
	})},
	{"Truncate leaves a row", anyTransaction, truncating(func(tx *mutantTx, run domain.RunID, of definition, n int, truncate func(domain.RunID, definition, int) error) error {
		return truncate(run, of, n+1)
	})},
	{"Truncate removes one row too many", anyTransaction, truncating(func(tx *mutantTx, run domain.RunID, of definition, n int, truncate func(domain.RunID, definition, int) error) error {
		return truncate(run, of, max(n-1, 0))
	})},
	{"Truncate removes from all tables", anyTransaction, truncating(func(tx *mutantTx, run domain.RunID, of definition, n int, truncate func(domain.RunID, definition, int) error) error {
		for _, of := range Set.Stored() {
			if err := truncate(run, of, n); err != nil {
				return err
			}
		}
		return nil
	})},
	{"Truncate is executed before the inserts", anyTransaction, inTx(func(tx *mutantTx) {
		insert := tx.insert
		var kept []*store.Rows
		tx.insert = func(rows *store.Rows) error {
			kept = append(kept, copyOf(rows))
			return nil
		}
		tx.late = func() (err error) {
			for _, rows := range kept {
				err = errors.Join(err, insert(rows))
			}
			return err
		}
	})},

	// Checkpoints.
	{"a checkpoint outlives its rows", anyTransaction, inTx(func(tx *mutantTx) {
		clear := tx.clear
		tx.clear = func(runs []domain.RunID, of []definition) error {
			checkpoints, err := tx.store.Checkpoints(tx.ctx, runs)
			if err = errors.Join(err, clear(runs, of)); len(of) > 1 {
				return err
			}
			for run, c := range checkpoints {
				err = errors.Join(err, tx.checkpoint(run, c))
			}
			return err
		}
	})},
	{"a checkpoint can only be set once", anyTransaction, inTx(func(tx *mutantTx) {
		cleared, clear, checkpoint := false, tx.clear, tx.checkpoint
		tx.clear = func(runs []domain.RunID, of []definition) error {
			cleared = true
			return clear(runs, of)
		}
		tx.checkpoint = func(run domain.RunID, c store.Checkpoint) error {
			if !cleared {
				return errors.New("the checkpoint is there")
			}
			return checkpoint(run, c)
		}
	})},
	{"the end of a line is not stored", anyTransaction, checkpointing(func(c *store.Checkpoint) { c.End = c.Mark })},
	{"the latest registered version replaces a higher one", versionsLaw, inTx(func(tx *mutantTx) {
		versions, registered := tx.versions, map[string]int(nil)
		tx.versions = func() (map[string]int, error) {
			if registered != nil {
				return registered, nil
			}
			return versions()
		}
		register := tx.register
		tx.register = func() error {
			registered = map[string]int{}
			for _, of := range tx.store.Projections().Stored() {
				registered[of.Name] = of.Version
			}
			return register()
		}
	})},
	{"versions are registered outside of the transaction", versionsLaw, aside(func(t *mutantTx, later func(domain.RunID, func(store.Tx) error) error) {
		register := t.register
		t.register = func() error {
			_ = later("nobody", store.Tx.Register)
			return register()
		}
	})},
	{"Outdated lists runs with additional projections", filtered, func(m *mutantStore) {
		m.outdated = outdatedBy(m, func(c store.Checkpoint) bool { return c.Projections != projections.ID(Set.Stored()) })
	}},
	{"Outdated checks only the first projection", filtered, func(m *mutantStore) {
		m.outdated = outdatedBy(m, func(c store.Checkpoint) bool {
			return projections.Versions(c.Projections)[Set.Stored()[0].Name] < Set.Stored()[0].Version
		})
	}},
	{"a statement takes 500 ids", "many runs can be named at once", func(m *mutantStore) {
		m.checkpoints = func(ctx context.Context, runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
			return m.Store.Checkpoints(ctx, runs[:min(len(runs), 500)])
		}
	}},
	{"states are not stored", anyTransaction, stating(func(string) string { return "" })},
	{"states are not stored, and nobody can continue", anyArrival, stating(func(string) string { return "" })},
	{"states are truncated", anyTransaction, stating(func(state string) string { return state[:min(len(state), 65_535)] })},
	{"states end at a null byte", anyTransaction, stating(func(state string) string {
		before, _, _ := strings.Cut(state, "\x00")
		return before
	})},
	{"an empty state does not replace an old one", anyTransaction, func(m *mutantStore) {
		states := map[domain.RunID]string{}
		inTx(func(tx *mutantTx) {
			clear, checkpoint := tx.clear, tx.checkpoint
			tx.clear = func(runs []domain.RunID, of []definition) error {
				for _, run := range runs {
					delete(states, run)
				}
				return clear(runs, of)
			}
			tx.checkpoint = func(run domain.RunID, c store.Checkpoint) error {
				c.State = cmp.Or(c.State, states[run])
				states[run] = c.State
				return checkpoint(run, c)
			}
		})(m)
	}},
	{"a state outlives its rows", anyTransaction, func(m *mutantStore) {
		states := map[domain.RunID]string{}
		inTx(func(tx *mutantTx) {
			clear, checkpoint, cleared := tx.clear, tx.checkpoint, false
			tx.clear = func(runs []domain.RunID, of []definition) error {
				cleared = true
				return clear(runs, of)
			}
			tx.checkpoint = func(run domain.RunID, c store.Checkpoint) error {
				if cleared {
					c.State = cmp.Or(c.State, states[run])
				}
				states[run] = c.State
				return checkpoint(run, c)
			}
		})(m)
	}},

	// Transactions.
	{"each call is a transaction", anyTransaction, autocommit},
	{"each call is a transaction, which readers see", anyTransaction, autocommit},
	{"checkpoints are set outside of the transaction", anyTransaction, aside(func(t *mutantTx, later func(domain.RunID, func(store.Tx) error) error) {
		t.checkpoint = func(run domain.RunID, c store.Checkpoint) error {
			return later(run, func(tx store.Tx) error { return tx.SetCheckpoint(run, c) })
		}
	})},
	{"a panic commits", anyTransaction, commitsPanics},
	{"a panic is swallowed", anyTransaction, func(m *mutantStore) {
		m.update = func(ctx context.Context, do func(store.Tx) error) error {
			return m.Store.Update(ctx, func(tx store.Tx) (err error) {
				defer func() {
					if recover() != nil {
						err = errors.New("it panicked")
					}
				}()
				return do(tx)
			})
		}
	}},
	{"an error of the function is lost", anyTransaction, losesErrors},
	{"contexts are ignored", "a cancelled call does nothing", patient},
	{"Lock does not lock", "no update of a run is lost", lockless},
	{"Lock does not wait", "Lock waits for the transaction that holds the run, and sees its rows", lockless},
	{"Lock returns the checkpoint from before it waited", "Lock waits for the transaction that holds the run, and sees its rows", inTx(func(tx *mutantTx) {
		lock := tx.lock
		tx.lock = func(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
			checkpoints, err := tx.store.Checkpoints(tx.ctx, runs)
			if err == nil {
				_, err = lock(runs)
			}
			return checkpoints, err
		}
	})},
	{"Lock ignores its context while it waits", "waiting for a lock can be cancelled", patient},
	{"runs are locked in the order of the arguments", "locking runs in any order causes no deadlock", deadlocking},

	// Reading and listing.
	{"positions count from 0", anyTransaction, readingRows(func(_ definition, row *anyRow) { row.Index-- })},
	{"rows are read in the order of their keys", anyTransaction, reading(func(of definition, rows iter.Seq2[anyRow, error]) iter.Seq2[anyRow, error] {
		return func(yield func(anyRow, error) bool) {
			all, order := of.NewRows(), []int{}
			_ = collect(rows, all)
			for i := range all.Len() {
				order = append(order, i)
			}
			key := func(i int) string { return fmt.Sprint(keyOf(of, all.At(i))) }
			slices.SortFunc(order, func(a, b int) int { return cmp.Compare(key(a), key(b)) })
			for _, i := range order {
				if !yield(all.At(i), nil) {
					return
				}
			}
		}
	})},
	{"a transaction changes the revision before it commits", anyTransaction, changesRevision(true)},
	{"the revision counts the commits of one program only", anyTransaction, changesRevision(false)},
	{"each read of a view sees the latest state", anyTransaction, unisolated},
	{"errors of a view are lost", "views that end early leak nothing", losesErrors},
	{"a second sequence ends the first one", "several sequences can be read in turn", exclusive},
	{"a sequence cannot be started again", "a sequence can be stopped and started again", withinConnections(30, false)},
	{"a stopped sequence keeps its connection", "views that end early leak nothing", withinConnections(30, true)},
	{"an unknown run is an error", anyTransaction, func(m *mutantStore) {
		m.view = func(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
			return m.Store.View(ctx, run, func(snapshot store.Snapshot) error {
				if _, ok, _ := snapshot.Checkpoint(); !ok {
					return errors.New("no rows")
				}
				return do(snapshot)
			})
		}
	}},
	{"runs that have not started come first", filtered, listingRuns(func(a, b store.Run) int {
		if a.StartedAtMs.Valid != b.StartedAtMs.Valid {
			return -newestFirst(a, b)
		}
		return newestFirst(a, b)
	})},
	{"runs of the same time are listed in any order", filtered, listingRuns(func(a, b store.Run) int {
		if a.StartedAtMs == b.StartedAtMs {
			return -newestFirst(a, b)
		}
		return newestFirst(a, b)
	})},
	{"the next page begins with the next time", filtered, listingRuns(func(a, b store.Run) int {
		if a.StartedAtMs == b.StartedAtMs {
			return 0
		}
		return newestFirst(a, b)
	})},
	{"no row is read as final", reported, readingRows(func(_ definition, row *anyRow) { row.Final = false })},
	{"rows are counted from 1", reported, readingRows(func(_ definition, row *anyRow) { row.Index++ })},
	{"the filter by state is ignored", filtered, filtering(func(page *store.Page) { page.State = "" })},
	{"active runs are not distinguished from complete ones", filtered, filtering(func(page *store.Page) { page.Ended.Valid = false })},
	{"the filter by end uses the state", filtered, listingWhere(newestFirst, func(page store.Page, run store.Listed) bool {
		run.Ended = run.State != projections.Active
		return matches(page, run)
	})},
	{"the key of a label is ignored", filtered, listingWhere(newestFirst, func(page store.Page, run store.Listed) bool {
		if page.Label != nil {
			run.Labels = slices.Clone(run.Labels)
			for i := range run.Labels {
				run.Labels[i].Key = page.Label.Key
			}
		}
		return matches(page, run)
	})},
	{"one filter is enough", filtered, listingWhere(newestFirst, func(page store.Page, run store.Listed) bool {
		label := page
		label.Text, page.Label = "", nil
		return matches(page, run) || label.Label != nil && matches(label, run)
	})},
	{"a text matches in the middle", filtered, listingWhere(newestFirst, func(page store.Page, run store.Listed) bool {
		return utf8.ValidString(page.Text) && hasText(page, run, strings.Contains) && belongs(page, run)
	})},
	{"a text is only matched with ids", filtered, listingWhere(newestFirst, func(page store.Page, run store.Listed) bool {
		if page.Text != "" && page.Label == nil {
			run.Labels = nil
		}
		return matches(page, run)
	})},
	{"a text ends at a null byte", filtered, filtering(func(page *store.Page) { page.Text, _, _ = strings.Cut(page.Text, "\x00") })},
	{"a text may end within a character", filtered, listingWhere(newestFirst, func(page store.Page, run store.Listed) bool {
		return hasText(page, run, strings.HasPrefix) && belongs(page, run)
	})},
	{"a page of newer runs starts at the newest", filtered, func(m *mutantStore) {
		m.runs = func(ctx context.Context, page store.Page) ([]store.Listed, error) {
			limit := page.Limit
			page.Limit = 1000
			runs, err := m.Store.Runs(ctx, page)
			return runs[:min(len(runs), limit)], err
		}
	}},
	{"labels are not listed", filtered, showing(func(runs []store.Listed) {
		for i := range runs {
			runs[i].Labels = nil
		}
	})},
	{"a run has the source of the previous one", filtered, showing(func(runs []store.Listed) {
		for i := len(runs) - 1; i > 0; i-- {
			runs[i].Source = runs[i-1].Source
		}
	})},
	{"ids are compared as words", filtered, listingIDs(func(a, b domain.RunID) int {
		return cmp.Or(strings.Compare(strings.ToLower(string(a)), strings.ToLower(string(b))), cmp.Compare(a, b))
	})},
	{"ids are compared as UTF-16", filtered, listingIDs(func(a, b domain.RunID) int {
		return slices.Compare(utf16.Encode([]rune(string(a))), utf16.Encode([]rune(string(b))))
	})},
	{"a run without a checkpoint is not listed", "rows of any table make a run", func(m *mutantStore) {
		m.runIDs = func(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
			ids, err := m.Store.RunIDs(ctx, after, limit)
			return slices.DeleteFunc(ids, func(id domain.RunID) bool {
				checkpoints, _ := m.Store.Checkpoints(ctx, []domain.RunID{id})
				return len(checkpoints) == 0
			}), err
		}
	}},
	{"a page has all runs", "a page has 50 runs by default", filtering(func(page *store.Page) { page.Limit = cmp.Or(page.Limit, 1000) })},

	// Parked segments.
	{"Park identifies a segment by its offset", anyTransaction, parkingOnce(func(s, there domain.Segment) bool { return s.Offset == there.Offset })},
	{"Park merges segments with close offsets", "early segments are applied when the missing one arrives", parkingOnce(func(s, there domain.Segment) bool { return s.Offset/near == there.Offset/near })},
	{"Park identifies a segment by its end", anyTransaction, parkingOnce(func(s, there domain.Segment) bool { return s.End() == there.End() })},
	{"a tail replaces whole lines", anyTransaction, parkingOnce(func(s, there domain.Segment) bool {
		return s.Offset == there.Offset && s.End() == there.End()
	})},
	{"Park keeps the first of several", anyTransaction, inTx(func(tx *mutantTx) {
		park := tx.park
		tx.park = func(segments []domain.Segment) error { return park(segments[:1]) }
	})},
	{"digests are not stored", anyTransaction, parking(func(s *domain.Segment) { s.SHA256 = [sha256.Size]byte{} })},
	{"tails are stored as whole lines", anyTransaction, parking(func(s *domain.Segment) { s.Tail = false })},
	{"data ends at a null byte", anyTransaction, parking(func(s *domain.Segment) {
		before, _, cut := bytes.Cut(s.Data, []byte{0})
		if s.Data = slices.Clip(before); cut {
			s.Data = append(s.Data, '\n')
		}
	})},
	{"data is stored as text", anyTransaction, parking(func(s *domain.Segment) { s.Data = bytes.ToValidUTF8(s.Data, []byte("?")) })},
	{"data has at most a megabyte", "long segments are kept", parking(func(s *domain.Segment) { s.Data = s.Data[:min(len(s.Data), 1<<20)] })},
	{"data is read only at the commit", anyTransaction, inTx(func(tx *mutantTx) {
		var kept []domain.Segment
		park := tx.park
		tx.park = func(segments []domain.Segment) error {
			kept = append(kept, segments...)
			return nil
		}
		tx.late = func() error { return park(kept) }
	})},
	{"Unpark removes segments that begin before the end", anyTransaction, unparking(func(tx *mutantTx, unpark func(domain.RunID, int64) error) func(domain.RunID, int64) error {
		return func(run domain.RunID, end int64) error {
			return unparkWhere(tx, unpark, run, func(s domain.Segment) bool { return s.Offset < end })
		}
	})},
	{"Unpark removes too much, and rows are missing", anyArrival, unparking(func(_ *mutantTx, unpark func(domain.RunID, int64) error) func(domain.RunID, int64) error {
		return func(run domain.RunID, end int64) error { return unpark(run, math.MaxInt64) }
	})},
	{"Unpark leaves segments that end at the end", anyTransaction, unparking(unparksLess)},
	{"Unpark leaves segments that end at the end, and they wait for ever", anyArrival, unparking(unparksLess)},
	{"Unpark removes the segments of all runs", anyTransaction, inTx(func(tx *mutantTx) {
		var locked []domain.RunID
		unpark := remembering(tx, &locked).unpark
		tx.unpark = func(_ domain.RunID, end int64) (err error) {
			for _, run := range locked {
				err = errors.Join(err, unpark(run, end))
			}
			return err
		}
	})},
	{"Clear removes parked segments", anyTransaction, whenCleared(func(tx *mutantTx, run domain.RunID) error { return tx.unpark(run, math.MaxInt64) })},
	{"Clear lifts the quarantine", anyTransaction, whenCleared(func(tx *mutantTx, run domain.RunID) error { return tx.quarantine(run, nil) })},
	{"segments are parked outside of the transaction", anyTransaction, aside(func(t *mutantTx, later func(domain.RunID, func(store.Tx) error) error) {
		t.park = func(segments []domain.Segment) error {
			for _, s := range segments {
				s.Data = bytes.Clone(s.Data)
				_ = later(s.Run, func(tx store.Tx) error { return tx.Park([]domain.Segment{s}) })
			}
			return nil
		}
	})},
	{"each call is a transaction, with parked segments", anyTransaction, autocommit},
	{"Parked finds the next segment", anyTransaction, finding(func(s domain.Segment, offset int64) bool { return s.End() > offset })},
	{"Parked finds segments that end at the offset", anyTransaction, finding(func(s domain.Segment, offset int64) bool { return s.Offset <= offset && offset <= s.End() })},
	{"Parked finds only segments that begin at the offset", anyTransaction, finding(func(s domain.Segment, offset int64) bool { return s.Offset == offset })},
	{"Parked finds the shortest segment", anyTransaction, func(m *mutantStore) {
		m.parked = func(ctx context.Context, run domain.RunID, offset int64) (domain.Segment, bool, error) {
			all, err := parkedBy(ctx, m.Store, run)
			all = slices.DeleteFunc(all, func(s domain.Segment) bool { return s.Offset > offset || s.End() <= offset })
			if err != nil || len(all) == 0 {
				return domain.Segment{}, false, err
			}
			return slices.MinFunc(all, func(a, b domain.Segment) int { return len(a.Data) - len(b.Data) }), true, nil
		}
	}},
	{"Waiting forgets the last end", anyTransaction, eachWaiting(func(w *store.Waiting) { w.Last = 0 })},
	{"Waiting returns the last offset as the last end", anyTransaction, eachWaiting(func(w *store.Waiting) { w.Last = max(w.Last-1, 0) })},
	{"Waiting returns 0 as the first offset", anyTransaction, eachWaiting(func(w *store.Waiting) { w.First = 0 })},
	{"Waiting counts one segment only", anyTransaction, eachWaiting(func(w *store.Waiting) { w.Segments = min(w.Segments, 1) })},
	{"Waiting counts the bytes of one segment only", anyTransaction, eachWaiting(func(w *store.Waiting) { w.Bytes = min(w.Bytes, w.Last-w.First) })},
	{"Waiting has no age", "what was parked or quarantined first keeps its time", eachWaiting(func(w *store.Waiting) { w.Age = 0 })},
	{"Waiting misses quarantined runs without parked segments", anyTransaction, waitingAs(func(all []store.Waiting) []store.Waiting {
		return slices.DeleteFunc(all, func(w store.Waiting) bool { return w.Segments == 0 })
	})},
	{"Waiting misses runs that are not quarantined", anyTransaction, waitingAs(func(all []store.Waiting) []store.Waiting {
		return slices.DeleteFunc(all, func(w store.Waiting) bool { return w.Quarantine == nil })
	})},
	{"Waiting returns the runs in reverse order", anyTransaction, waitingAs(func(all []store.Waiting) []store.Waiting {
		slices.Reverse(all)
		return all
	})},
	{"Waiting repeats a run that is named twice", anyTransaction, func(m *mutantStore) {
		m.waiting = func(ctx context.Context, runs ...domain.RunID) (all []store.Waiting, err error) {
			if len(runs) == 0 {
				return m.Store.Waiting(ctx)
			}
			for _, run := range slices.Sorted(slices.Values(runs)) {
				some, err := m.Store.Waiting(ctx, run)
				if all = append(all, some...); err != nil {
					return nil, err
				}
			}
			return all, nil
		}
	}},
	{"Waiting uses at most 10,000 ids", "many runs can wait, and can be queried", func(m *mutantStore) {
		m.waiting = func(ctx context.Context, runs ...domain.RunID) ([]store.Waiting, error) {
			if len(runs) > 10_000 {
				return nil, errors.New("too many parameters")
			}
			return m.Store.Waiting(ctx, runs...)
		}
	}},

	// Quarantines.
	{"SetQuarantine does not lift a quarantine", anyTransaction, inTx(func(tx *mutantTx) {
		quarantine := tx.quarantine
		tx.quarantine = func(run domain.RunID, q *store.Quarantine) error {
			if q == nil {
				return nil
			}
			return quarantine(run, q)
		}
	})},
	{"SetQuarantine does not replace a quarantine", anyTransaction, inTx(func(tx *mutantTx) {
		quarantine := tx.quarantine
		tx.quarantine = func(run domain.RunID, q *store.Quarantine) error {
			if waiting, err := tx.store.Waiting(tx.ctx, run); err != nil || q != nil && len(waiting) > 0 && waiting[0].Quarantine != nil {
				return err
			}
			return quarantine(run, q)
		}
	})},
	{"the offset of a quarantine is not stored", anyTransaction, quarantining(func(q *store.Quarantine) { q.Offset = 0 })},
	{"the reason of a quarantine is truncated", anyTransaction, quarantining(func(q *store.Quarantine) { q.Reason = q.Reason[:min(len(q.Reason), 1)] })},
	{"the code of a quarantine is not stored", anyTransaction, quarantining(func(q *store.Quarantine) { q.Code = store.MalformedSegment })},
	{"the caller sets the time of a quarantine", anyTransaction, eachWaiting(func(w *store.Waiting) {
		if w.Quarantine != nil {
			w.Quarantine.Since = time.UnixMilli(1) // as the caller says
		}
	})},
	{"a replaced quarantine gets a new time", "what was parked or quarantined first keeps its time", inTx(func(tx *mutantTx) {
		quarantine := tx.quarantine
		tx.quarantine = func(run domain.RunID, q *store.Quarantine) error {
			return errors.Join(quarantine(run, nil), quarantine(run, q))
		}
	})},
	{"lifting a quarantine removes parked segments", anyTransaction, inTx(func(tx *mutantTx) {
		quarantine := tx.quarantine
		tx.quarantine = func(run domain.RunID, q *store.Quarantine) (err error) {
			if q == nil {
				err = tx.unpark(run, math.MaxInt64)
			}
			return errors.Join(err, quarantine(run, q))
		}
	})},

	// What only shows in what stands on a store, or there as well.
	{"an existing timing is not replaced, in a stream that grows", anyChange, notReplacing(projections.JobTimings.Definition)},
	{"a command that closes stays open", anyChange, notReplacing(projections.ShEvents.Definition)},
	{"Clear forgets the diagnostics", anyChange, clearingAllBut(projections.Diagnostics.Definition)},
	{"the end of a line is not stored, and the stream continues", anyChange, checkpointing(func(c *store.Checkpoint) { c.Mark = c.End })},
	{"Clear ignores its runs", "Verify finds nothing in what was ingested", confusing(func(domain.RunID, domain.RunID) bool { return true })},
	{"each call is a transaction, and fails", anyCrash, autocommit},
	{"each call is a transaction, and ends", eachCrash, autocommit},
	{"a panic commits, in ingest", anyCrash, commitsPanics},
	{"each call is a transaction, in a rebuild", "a rebuild that fails at any call leaves whole runs", autocommit},
	{"each call is a transaction, of segments", anyArrival, autocommit},
	{"Lock does not lock, with a stream that grows", "several programs can ingest a stream while it grows", lockless},
	{"a transaction uses at most 200 runs", "many short runs share a transaction", inTx(func(tx *mutantTx) {
		lock := tx.lock
		tx.lock = func(runs []domain.RunID) (map[domain.RunID]store.Checkpoint, error) {
			if len(runs) > 200 {
				return nil, errors.New("too many")
			}
			return lock(runs)
		}
	})},
	{"a run is removed before it is replaced", "no reader misses a run while it is rebuilt", autocommit},
	{"RunIDs misses the last id of a page", anyPruning, func(m *mutantStore) {
		m.runIDs = func(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
			ids, err := m.Store.RunIDs(ctx, after, limit)
			return ids[:max(len(ids)-1, 0)], err
		}
	}},
	{"a number is read wrongly", anyTampering, readingRows(func(of definition, row *anyRow) {
		if of == projections.RunTable.Definition {
			projections.RunTable.At(row.Value).Events = 7
		}
	})},
	{"rows of a tail are final", anyArrival, insertingRows(func(_ store.TableRows, row *anyRow) bool {
		row.Final = true
		return true
	})},
	{"Truncate removes nothing", anyArrival, truncating(func(_ *mutantTx, run domain.RunID, of definition, _ int, truncate func(domain.RunID, definition, int) error) error {
		return truncate(run, of, math.MaxInt)
	})},
	{"Clear removes rows of unknown projections", otherPrograms, clearing(func(runs []domain.RunID, of []definition) ([]domain.RunID, []definition) {
		return runs, Set.Stored()
	})},
	{"Outdated knows only the built-in projections", "a program with more projections writes only what is missing", func(m *mutantStore) {
		m.outdated = func(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
			return m.Store.As(projections.Builtin).Outdated(ctx, after, limit)
		}
	}},
	{"Outdated misses newer versions", filtered, func(m *mutantStore) {
		m.outdated = func(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
			ids, err := m.Store.Outdated(ctx, after, limit)
			return slices.DeleteFunc(ids, func(id domain.RunID) bool {
				stored, _ := m.Store.Checkpoints(ctx, []domain.RunID{id})
				versions := projections.Versions(stored[id].Projections)
				return !slices.ContainsFunc(m.Store.Projections().Stored(), func(of definition) bool { return versions[of.Name] < of.Version })
			}), err
		}
	}},
	{"versions are not stored", "only a rebuild changes a store of another version, and only an older one", inTx(func(tx *mutantTx) {
		tx.register = func() error { return nil }
	})},
}

const (
	versionsLaw = "Versions returns the highest registered versions, as of the transaction"
)

func nullIsZero(c *projections.Column, row projections.Ref) {
	if c.IsNull(row) {
		set(c, row, zeroOf(c))
	}
}

func truncating(change func(tx *mutantTx, run domain.RunID, of definition, n int, truncate func(domain.RunID, definition, int) error) error) func(*mutantStore) {
	return inTx(func(tx *mutantTx) {
		truncate := tx.truncate
		tx.truncate = func(run domain.RunID, of definition, n int) error { return change(tx, run, of, n, truncate) }
	})
}

func stating(change func(string) string) func(*mutantStore) {
	return checkpointing(func(c *store.Checkpoint) { c.State = change(c.State) })
}

func outdatedBy(m *mutantStore, is func(store.Checkpoint) bool) func(context.Context, domain.RunID, int) ([]domain.RunID, error) {
	return func(ctx context.Context, after domain.RunID, limit int) ([]domain.RunID, error) {
		ids, err := m.Store.RunIDs(ctx, after, 1000)
		if err != nil {
			return nil, err
		}
		checkpoints, err := m.Store.Checkpoints(ctx, ids)
		ids = slices.DeleteFunc(ids, func(id domain.RunID) bool {
			c, ok := checkpoints[id]
			return !ok || !is(c)
		})
		return ids[:min(len(ids), limit)], err
	}
}

func unparksLess(_ *mutantTx, unpark func(domain.RunID, int64) error) func(domain.RunID, int64) error {
	return func(run domain.RunID, end int64) error { return unpark(run, end-1) }
}

func whenCleared(do func(*mutantTx, domain.RunID) error) func(*mutantStore) {
	return inTx(func(tx *mutantTx) {
		clear := tx.clear
		tx.clear = func(runs []domain.RunID, of []definition) (err error) {
			for _, run := range runs {
				err = errors.Join(err, do(tx, run))
			}
			return errors.Join(err, clear(runs, of))
		}
	})
}

// patient looks at no context.
func patient(m *mutantStore) {
	m.update = func(_ context.Context, do func(store.Tx) error) error {
		return m.Store.Update(context.Background(), do)
	}
}

// losesErrors takes what goes wrong for an end.
func losesErrors(m *mutantStore) {
	m.update = func(ctx context.Context, do func(store.Tx) error) error {
		_ = m.Store.Update(ctx, do)
		return nil
	}
	m.view = func(ctx context.Context, run domain.RunID, do func(store.Snapshot) error) error {
		_ = m.Store.View(ctx, run, do)
		return nil
	}
}

// commitsPanics commits what a transaction has done when it panics.
func commitsPanics(m *mutantStore) {
	m.update = func(ctx context.Context, do func(store.Tx) error) error {
		var panicked any
		err := m.Store.Update(ctx, func(tx store.Tx) error {
			defer func() { panicked = recover() }()
			return do(tx)
		})
		if panicked != nil {
			panic(panicked)
		}
		return err
	}
}
