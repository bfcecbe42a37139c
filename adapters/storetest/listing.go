package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
)

var listLaws = []law{
	property("pages of runs have each run once, newest first", runPages),
	property("pages of ids have each id once, in the order of bytes", idPages),
	example("a page has 50 runs unless it says otherwise", defaultPage),
	example("rows of any table make a run", rowsMakeARun),
}

// listed returns those of this trial's runs that Runs lists, in pages of limit.
func (t *trial) listed(limit int) ([]store.Run, error) {
	var mine []store.Run
	for page := (store.Page{Limit: limit}); ; {
		runs, err := t.store.Runs(t.ctx, page)
		if err != nil {
			return nil, err
		}
		if len(runs) > limit {
			return nil, fmt.Errorf("a page that is to have %d runs has %d", limit, len(runs))
		}
		for _, run := range runs {
			if strings.HasPrefix(string(run.RunID), t.prefix) {
				mine = append(mine, run)
			}
		}
		if len(runs) < limit {
			return mine, nil
		}
		page.After = &runs[len(runs)-1]
	}
}

// names generates the ends of ids whose order a collation, or UTF-16, would
// change.
func names() *rapid.Generator[[]string] {
	odd := slices.DeleteFunc(slices.Clone(oddTexts), func(s string) bool { return !mayNameRun(s) })
	name := rapid.OneOf(rapid.SampledFrom(odd), rapid.StringMatching(`[a-cA-C_ -]{1,3}`))
	return rapid.SliceOfNDistinct(name, 0, 12, rapid.ID)
}

// listable draws runs of which some started at the same time, or never did.
func (t *trial) listable() []*content {
	started := rapid.OneOf(rapid.Int64Range(0, 3), laws.AtMs())
	var contents []*content
	for _, name := range names().Draw(t.draw, "names") {
		c := t.plain(t.run(name))
		if t.upTo(2, "starts") > 0 {
			c.run().StartedAtMs = some(started.Draw(t.draw, "started"))
		}
		contents = append(contents, c)
	}
	return contents
}

func runPages(t *trial) error {
	contents := t.listable()
	if err := t.write(contents...); err != nil {
		return err
	}
	var want []store.Run
	for _, c := range contents {
		want = append(want, *c.run())
	}
	slices.SortFunc(want, newestFirst)
	listed, err := t.listed(1 + t.upTo(6, "limit"))
	if err != nil {
		return err
	}
	return runsDiffer(listed, want)
}

func newestFirst(a, b store.Run) int {
	switch {
	case !a.StartedAtMs.Valid && !b.StartedAtMs.Valid || a.StartedAtMs == b.StartedAtMs:
		return bytes.Compare([]byte(a.RunID), []byte(b.RunID))
	case !a.StartedAtMs.Valid || b.StartedAtMs.Valid && a.StartedAtMs.V < b.StartedAtMs.V:
		return 1
	}
	return -1
}

func runsDiffer(got, want []store.Run) error {
	asRows := func(runs []store.Run) projections.Rows {
		rows := projections.RunTable.NewRows()
		for i, run := range runs {
			*projections.RunTable.At(rows.New(i, false)) = run
		}
		return rows
	}
	return wrap("Runs", rowsDiffer(projections.RunTable.Definition, asRows(got), asRows(want)))
}

func idPages(t *trial) error {
	contents := t.listable()
	for _, c := range contents {
		if t.flip("without") {
			c.checkpoint.Valid = false
		}
	}
	if err := t.write(contents...); err != nil {
		return err
	}
	want := idsOf(contents)
	slices.SortFunc(want, func(a, b domain.RunID) int { return bytes.Compare([]byte(a), []byte(b)) })
	got, err := t.paged(1+t.upTo(6, "limit"), t.store.RunIDs)
	if err != nil {
		return err
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("RunIDs returns %+q, not %+q", got, want)
	}
	return nil
}

func defaultPage(t *trial) error {
	var contents []*content
	for i := range 60 {
		contents = append(contents, t.plain(t.run(fmt.Sprint(i))))
	}
	if err := t.write(contents...); err != nil {
		return err
	}
	runs, err := t.store.Runs(t.ctx, store.Page{})
	if err != nil {
		return err
	}
	if len(runs) != 50 {
		return fmt.Errorf("the page has %d runs", len(runs))
	}
	return nil
}

// rowsMakeARun has rows of each table without any others.
func rowsMakeARun(t *trial) error {
	var want []domain.RunID
	for i := range t.of {
		c := t.plain(t.run(fmt.Sprintf("%02d", i)))
		c.add(marks.Definition, false)
		t.addText(c, "a")
		if err := t.write(c); err != nil {
			return err
		}
		runs, others := []domain.RunID{c.id}, slices.Concat(t.of[:i], t.of[i+1:])
		if err := t.update(runs, func(tx store.Tx) error { return tx.Clear(runs, others) }); err != nil {
			return err
		}
		want = append(want, c.id)
	}
	got, err := t.store.RunIDs(t.ctx, domain.RunID(t.prefix), len(want))
	if err != nil {
		return err
	}
	if !slices.Equal(got, want) {
		return errors.New("RunIDs misses a run that has rows in one table only")
	}
	return nil
}
