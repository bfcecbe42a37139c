package storetest

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// rowByRow is a store that finds no runs with equal rows, so that all rows are compared.
type rowByRow struct{ store.Versioned }

func (r rowByRow) Next(ctx context.Context) (store.Beside, error) {
	next, err := r.Versioned.Next(ctx)
	return unsure{next}, err
}

type unsure struct{ store.Beside }

func (unsure) Same(context.Context, []domain.RunID) (map[domain.RunID][]definition, error) {
	return nil, nil
}

// comparesOtherColumns compares tables with other columns; some of the rows are equal.
func comparesOtherColumns(t *trial) {
	all, _ := t.versions(4)
	for _, r := range all {
		value(store.Ingest(t.ctx, t.as(older), r, store.Options{}))
	}
	t.comparesFast(t.as(newer).(store.Versioned), all)
}

// comparesFast compares two generations, with and without the help of the store.
func (t *trial) comparesFast(s store.Versioned, streams recordings) {
	fast, _, err := store.CompareVersions(t.ctx, s, streams, store.Options{})
	must(err)
	slow, _, err := store.CompareVersions(t.ctx, rowByRow{s}, streams, store.Options{})
	must(err)
	failIf(!reflect.DeepEqual(fast, slow), "store.CompareVersions finds %+v, and row by row %+v", fast, slow)
}

// comparesVersions changes rows of two generations, and compares the generations.
func comparesVersions(t *trial) {
	s := t.store.(store.Versioned)
	all, _ := t.versions(4)
	for _, r := range all {
		t.ingest(r, nil)
	}
	must(t.write(t.content(t.run("without a stream"))))
	streams := all[:len(all)-t.upTo(1, "more without a stream")]
	value(store.Build(t.ctx, s, streams, store.Options{}))
	next := *t
	next.store = value(s.Next(t.ctx))
	for _, run := range t.runs {
		for _, side := range []*trial{t, &next} {
			if t.flip("changes") {
				c := value(side.read(run))
				t.change(c)
				must(side.write(c))
			}
		}
	}
	t.comparesFast(s, streams)

	same := value(next.store.(store.Beside).Same(t.ctx, t.runs))
	for _, run := range t.runs {
		was, is := value(t.read(run)), value(next.read(run))
		for _, of := range t.of {
			found := slices.Contains(same[run], of)
			failIf(found != sameVersion(t.of, of, was, is), "Same finds %s of %s: %v", of.Name, show(run), found)
		}
	}
}

// change changes rows of a run in one table, or the versions in its checkpoint.
func (t *trial) change(c *content) {
	of := pick(t, "table", t.of...)
	rows := c.of(of)
	switch pick(t, "change", "value", "extra", "missing", "end", "reading", "version", "gone") {
	case "value":
		if values := slices.DeleteFunc(slices.Clone(of.Columns), func(c projections.Column) bool { return c.Key }); rows.Len() > 0 && len(values) > 0 {
			column := pick(t, "column", values...).Name
			t.fill(of, rows.At(t.upTo(rows.Len()-1, "row")).Value, func(c *projections.Column) bool { return c.Name == column })
		}
	case "extra":
		t.addRows(c, of, 1)
	case "missing":
		left := t.upTo(max(0, rows.Len()-1), "row")
		c.tables[of] = rowsWhere(of, rows, func(row anyRow) bool { return row.Index != left })
	case "end":
		c.checkpoint.V.End = t.mark("end")
	case "reading":
		c.checkpoint.V.ReadOptions += "other"
	case "version":
		c.checkpoint.V.Projections = projections.ID(t.of[1:])
	case "gone":
		c.checkpoint.Valid = false
	}
}

// sameVersion reports whether a run has the same rows of a projection, derived from the same bytes,
// in two generations.
func sameVersion(all []definition, of definition, was, is *content) bool {
	before, now := was.checkpoint, is.checkpoint
	if !before.Valid || !now.Valid || before.V.End != now.V.End || before.V.ReadOptions != now.V.ReadOptions || now.V.Projections != projections.ID(all) {
		return false
	}
	text := func(rows projections.Rows) (text string) {
		for i := range rows.Len() {
			text += fmt.Sprintf("%d %#v\n", rows.At(i).Index, of.Any(rows.At(i).Value))
		}
		return text
	}
	return text(was.of(of)) == text(is.of(of))
}
