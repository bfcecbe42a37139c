package storetest

import (
	"bytes"
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
func (t *trial) listed(limit int) (mine []store.Run) {
	for page := (store.Page{Limit: limit}); ; {
		runs := value(t.store.Runs(t.ctx, page))
		failIf(len(runs) > limit, "a page that is to have %d runs has %d", limit, len(runs))
		for _, run := range runs {
			if strings.HasPrefix(string(run.RunID), t.prefix) {
				mine = append(mine, run)
			}
		}
		if len(runs) < limit {
			return mine
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

// listable draws runs; some started at the same time, or never.
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

func runPages(t *trial) {
	contents := t.listable()
	must(t.write(contents...))
	var want []store.Run
	for _, c := range contents {
		want = append(want, *c.run())
	}
	slices.SortFunc(want, newestFirst)
	listed := t.listed(1 + t.upTo(6, "limit"))
	must(runsDiffer(listed, want))
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

func idPages(t *trial) {
	contents := t.listable()
	for _, c := range contents {
		if t.flip("without") {
			c.checkpoint.Valid = false
		}
	}
	must(t.write(contents...))
	want := idsOf(contents)
	slices.SortFunc(want, func(a, b domain.RunID) int { return bytes.Compare([]byte(a), []byte(b)) })
	got := t.paged(1+t.upTo(6, "limit"), t.store.RunIDs)
	failIf(!slices.Equal(got, want), "RunIDs returns %+q, not %+q", got, want)
}

func defaultPage(t *trial) {
	var contents []*content
	for i := range 60 {
		contents = append(contents, t.plain(t.run(fmt.Sprint(i))))
	}
	must(t.write(contents...))
	runs := value(t.store.Runs(t.ctx, store.Page{}))
	failIf(len(runs) != 50, "the page has %d runs", len(runs))
}

// rowsMakeARun has rows of each table without any others.
func rowsMakeARun(t *trial) {
	var want []domain.RunID
	for i := range t.of {
		c := t.plain(t.run(fmt.Sprintf("%02d", i)))
		c.add(marks.Definition, false)
		t.addText(c, "a")
		must(t.write(c))
		runs, others := []domain.RunID{c.id}, slices.Concat(t.of[:i], t.of[i+1:])
		must(t.update(runs, func(tx store.Tx) { must(tx.Clear(runs, others)) }))
		want = append(want, c.id)
	}
	got := value(t.store.RunIDs(t.ctx, domain.RunID(t.prefix), len(want)))
	failIf(!slices.Equal(got, want), "RunIDs misses a run that has rows in one table only")
}
