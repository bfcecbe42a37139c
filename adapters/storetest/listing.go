package storetest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
)

var listLaws = []law{
	rarely("pages list each run that belongs to them once, in their order", pages),
	example("a page has 50 runs by default", defaultPage),
	example("rows of any table make a run", rowsMakeARun),
}

// listed returns those of this trial's runs that Runs lists, page by page in the direction of the
// first page.
func (t *trial) listed(page store.Page) (mine []store.Listed) {
	for {
		runs := value(t.store.Runs(t.ctx, page))
		failIf(len(runs) > page.Limit, "a page that is to have %d runs has %d", page.Limit, len(runs))
		some := slices.DeleteFunc(slices.Clone(runs), func(run store.Listed) bool { return !strings.HasPrefix(string(run.RunID), t.prefix) })
		if page.Before == nil {
			mine = append(mine, some...)
		} else {
			mine = append(some, mine...)
		}
		switch {
		case len(runs) < page.Limit:
			return mine
		case page.Before == nil:
			page.After = &runs[len(runs)-1].Run
		default:
			page.Before = &runs[0].Run
		}
	}
}

// listed returns the entry of the run in a list.
func (c *content) listed() store.Listed {
	listed := store.Listed{Run: *c.run()}
	if c.checkpoint.Valid {
		listed.Source = c.checkpoint.V.Source
	}
	labels := c.of(projections.LabelRows.Definition)
	for i := range labels.Len() {
		listed.Labels = append(listed.Labels, *projections.LabelRows.At(labels.At(i).Value))
	}
	return listed
}

// names generates ends of ids whose order differs in a collation, or in UTF-16.
func names() *rapid.Generator[[]string] {
	odd := slices.DeleteFunc(slices.Clone(oddTexts), func(s string) bool { return !mayNameRun(s) })
	name := rapid.OneOf(rapid.SampledFrom(odd), rapid.SampledFrom([]string{"\uFFFD", "\uFFFF", "\U00010000", "é", "e\u0301"}), rapid.StringMatching(`[a-cA-C_ -]{1,3}`))
	return rapid.SliceOfNDistinct(name, 0, 12, rapid.ID)
}

// lists returns an error if pages differ from what they should have of the contents.
func (t *trial) lists(page store.Page, contents []*content) error {
	want := []store.Listed{}
	for _, c := range contents {
		if run := c.listed(); matches(page, run) {
			want = append(want, run)
		}
	}
	slices.SortFunc(want, func(a, b store.Listed) int { return newestFirst(a.Run, b.Run) })
	return runsDiffer(t.listed(page), want)
}

// matches reports whether a run belongs to a page without a limit.
func matches(page store.Page, run store.Listed) bool {
	return utf8.ValidString(page.Text) && hasText(page, run, strings.HasPrefix) && belongs(page, run)
}

func hasText(page store.Page, run store.Listed, has func(s, text string) bool) bool {
	return has(string(run.RunID), page.Text) || slices.ContainsFunc(run.Labels, func(label projections.Label) bool { return has(label.Value, page.Text) })
}

// belongs is like matches, and ignores the text.
func belongs(page store.Page, run store.Listed) bool {
	return (page.Label == nil || slices.Contains(run.Labels, *page.Label)) && (page.State == "" || run.State == page.State) && (!page.Ended.Valid || run.Ended == page.Ended.V) &&
		(page.After == nil || newestFirst(*page.After, run.Run) < 0) && (page.Before == nil || newestFirst(run.Run, *page.Before) < 0)
}

// pages draws runs with labels, filters, and places to begin, in both directions, and lists all ids,
// and those of outdated runs. It only checks the runs of this trial; the store may have others.
func pages(t *trial) {
	var contents []*content
	var outdated []domain.RunID
	started := rapid.OneOf(rapid.Int64Range(0, 3), laws.AtMs())
	labels := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"", "ref", "Ref", "é"}), 0, 3, rapid.ID)
	values := rapid.SliceOfN(rapid.OneOf(anyText(), rapid.SampledFrom([]string{"a\x00b", "a\x00c", "aé", "a\U0010FFFF", "a\xff"})), 1, 4).Draw(t.draw, "values")
	for _, name := range names().Draw(t.draw, "names") {
		c := t.plain(t.run(name))
		contents = append(contents, c)
		t.fill(projections.RunTable.Definition, c.of(projections.RunTable.Definition).At(0).Value, func(column *projections.Column) bool {
			return column.Name == "state" || column.Name == "ended"
		})
		if t.upTo(2, "starts") > 0 { // some at the same time
			c.run().StartedAtMs = some(started.Draw(t.draw, "started"))
		}
		for _, key := range labels.Draw(t.draw, "labels") {
			*projections.LabelRows.At(c.add(projections.LabelRows.Definition, true)) = projections.Label{Key: key, Value: pick(t, "value", values...)}
		}
		c.checkpoint.V.Source = anyText().Draw(t.draw, "source")
		if c.checkpoint.Valid = t.upTo(3, "checkpoint") > 0; t.outdates(&c.checkpoint.V) && c.checkpoint.Valid {
			outdated = append(outdated, c.id)
		}
	}
	must(t.write(contents...))
	must(t.lists(store.Page{Limit: 1 + t.upTo(6, "limit")}, contents))
	for range 12 {
		must(t.lists(t.page(contents, values), contents))
	}
	ids := idsOf(contents)
	slices.Sort(ids)
	slices.Sort(outdated)
	got := t.paged(1+t.upTo(6, "limit"), t.store.RunIDs)
	failIf(!slices.Equal(got, ids), "RunIDs returns %+q, not %+q", got, ids)
	got = t.paged(1+t.upTo(2, "page"), t.store.Outdated)
	failIf(!slices.Equal(got, outdated), "store.Outdated returns %s, not %s", show(got), show(outdated))
}

// outdates draws the versions of a checkpoint's rows, and reports whether they are outdated.
func (t *trial) outdates(checkpoint *store.Checkpoint) (outdated bool) {
	versions := projections.Versions(checkpoint.Projections)
	if outdated = t.flip("outdated"); outdated {
		of := pick(t, "which", t.of...)
		versions[of.Name] = pick(t, "other", 0, of.Version-1, of.Version+1)
	}
	if t.flip("more") {
		versions["somebody_elses"] = 7
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		if versions[name] > 0 {
			list = append(list, fmt.Sprintf("%s@%d", name, versions[name]))
		}
	}
	if checkpoint.Projections = strings.Join(list, " "); outdated && t.flip("none") {
		checkpoint.Projections = ""
	}
	return outdated
}

// page draws a page; some of the runs have labels with these values.
func (t *trial) page(contents []*content, values []string) store.Page {
	page := store.Page{Limit: 1 + t.upTo(6, "limit")}
	by := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"state", "end", "label", "text"}), 0, 2, rapid.ID).Draw(t.draw, "by")
	if slices.Contains(by, "state") {
		page.State = pick(t, "state", projections.Active, projections.Complete, projections.Failed)
	}
	if slices.Contains(by, "end") {
		page.Ended = some(t.flip("ended"))
	}
	if slices.Contains(by, "label") {
		page.Label = &projections.Label{Key: pick(t, "key", "ref", "é", ""), Value: pick(t, "label", values...)}
	}
	if slices.Contains(by, "text") {
		page.Text = t.part(append(slices.Clone(values), idNames(contents)...))
	}
	if place := pick(t, "place", append(contents, nil)...); place != nil {
		at := &store.Run{Run: projections.Run{RunID: place.id}}
		at.StartedAtMs = place.run().StartedAtMs
		if t.flip("back") {
			page.Before = at
		} else {
			page.After = at
		}
	}
	return page
}

// part draws the beginning of a text, and rarely a part that begins later. It may end within a
// character.
func (t *trial) part(texts []string) string {
	text := pick(t, "text", texts...)
	text = text[min(len(text), pick(t, "from", 0, 0, 0, 1)):]
	return text[:len(text)-t.upTo(min(len(text), 4), "less")]
}

func idNames(contents []*content) (names []string) {
	for _, c := range contents {
		names = append(names, string(c.id))
	}
	return names
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

func runsDiffer(got, want []store.Listed) error {
	asRows := func(runs []store.Listed) projections.Rows {
		rows := projections.RunTable.NewRows()
		for i, run := range runs {
			*projections.RunTable.At(rows.New(i, false)) = run.Run
		}
		return rows
	}
	if err := rowsDiffer(projections.RunTable.Definition, asRows(got), asRows(want)); err != nil {
		return wrap("Runs", err)
	}
	for i := range got {
		if got[i].Source != want[i].Source || !slices.Equal(got[i].Labels, want[i].Labels) {
			return fmt.Errorf("run %s is listed with the labels %q and the source %q, not %q and %q", show(got[i].RunID), got[i].Labels, got[i].Source, want[i].Labels, want[i].Source)
		}
	}
	return nil
}

// paged returns the ids of this trial's runs, listed page by page.
func (t *trial) paged(limit int, list func(context.Context, domain.RunID, int) ([]domain.RunID, error)) (found []domain.RunID) {
	// The id that equals the prefix does not come after it.
	for after := domain.RunID(strings.TrimSuffix(t.prefix, "-")); ; {
		page := value(list(t.ctx, after, limit))
		failIf(len(page) > limit, "a page has %d ids, where %d were asked for", len(page), limit)
		for _, id := range page {
			failIf(id <= after, "%s is listed behind %s", show(id), show(after))
			if after = id; strings.HasPrefix(string(id), t.prefix) {
				found = append(found, id)
			}
		}
		if len(page) < limit || !strings.HasPrefix(string(after), t.prefix) {
			return found
		}
	}
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

// rowsMakeARun writes rows to one table only, for each table.
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
