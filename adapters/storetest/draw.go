package storetest

import (
	"fmt"
	"math"
	"slices"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
)

// content draws content for a run. No stream need give it.
func (t *trial) content(run domain.RunID) *content {
	c := nothing(run)
	c.checkpoint = some(t.checkpoint())
	for _, of := range t.of {
		t.addRows(c, of, rapid.SampledFrom([]int{1, 0, 2, 0, 5}).Draw(t.draw, of.Table))
	}
	return c
}

// addRows adds up to most rows to a table; fewer if keys would be repeated.
func (t *trial) addRows(c *content, of definition, most int) {
	there := map[string]bool{}
	for i := range c.of(of).Len() {
		there[fmt.Sprintf("%q", keyOf(of, c.of(of).At(i)))] = true
	}
	for range most {
		row := anyRow{Index: c.of(of).Len(), Final: t.flip("final"), Value: of.NewRows().New(0, false)}
		t.fill(of, row.Value, func(*projections.Column) bool { return true })
		of.SetRun(row.Value, c.id)
		if key := fmt.Sprintf("%q", keyOf(of, row)); !there[key] {
			there[key] = true
			c.list(of).Add(row)
		}
	}
}

// fill draws the values of some columns.
func (t *trial) fill(of definition, row projections.Ref, which func(*projections.Column) bool) {
	for i := range of.Columns {
		if c := &of.Columns[i]; which(c) {
			set(c, row, t.value(c))
		}
	}
}

// set sets a value of the column's type.
func set(c *projections.Column, row projections.Ref, value any) {
	if err := c.Set(row, value); err != nil {
		panic(err)
	}
}

func (t *trial) value(c *projections.Column) any {
	return laws.Value(c, anyText()).Draw(t.draw, c.Name)
}

// tables draws some tables, often only one.
func (t *trial) tables() (tables []definition) {
	if t.flip("one table") {
		return []definition{pick(t, "which table", t.of...)}
	}
	for _, of := range t.of {
		if t.flip("table") {
			tables = append(tables, of)
		}
	}
	return tables
}

func (t *trial) checkpoint() store.Checkpoint {
	return store.Checkpoint{
		Mark: t.mark("mark"), End: t.mark("end"), Events: t.count64("events"), Projections: projections.ID(t.of),
		ReadOptions: anyText().Draw(t.draw, "reading"), Source: anyText().Draw(t.draw, "source"), State: rapid.OneOf(rapid.Just(""), rapid.Just(""), anyText(), anyText(), rapid.Just(longState)).Draw(t.draw, "state"),
	}
}

func (t *trial) mark(label string) domain.Mark {
	mark := domain.Mark{Bytes: t.count64(label), Lines: t.count64(label)}
	copy(mark.SHA256[:], rapid.SliceOfN(rapid.Byte(), 0, 32).Draw(t.draw, "digest"))
	return mark
}

func (t *trial) count64(label string) int64 {
	return rapid.OneOf(rapid.Int64Range(0, 9), rapid.Int64Range(0, math.MaxInt64-1)).Draw(t.draw, label)
}

// batches splits rows into batches, which are not in the order of the rows' positions.
func (t *trial) batches(rows *store.Rows) []*store.Rows {
	batches := make([]*store.Rows, 1+t.upTo(3, "batches"))
	for i := range batches {
		batches[i] = &store.Rows{RunID: rows.RunID, Continued: rows.Continued}
	}
	slices.SortFunc(rows.Tables, func(a, b store.TableRows) int { // so that rapid draws the same again
		return slices.Index(t.of, a.Of) - slices.Index(t.of, b.Of)
	})
	for _, all := range rows.Tables {
		parts := make([]projections.Rows, len(batches))
		for i := range parts {
			parts[i] = all.Of.NewRows()
		}
		order := make([]int, all.Rows.Len())
		for i := range order {
			order[i] = i
		}
		if len(order) > 0 {
			order = rapid.Permutation(order).Draw(t.draw, "order")
		}
		for _, i := range order {
			parts[t.upTo(len(parts)-1, "batch")].Add(all.Rows.At(i))
		}
		for i, part := range parts {
			if part.Len() > 0 {
				batches[i].Tables = append(batches[i].Tables, store.TableRows{Of: all.Of, Rows: part, Stored: all.Stored})
			}
		}
	}
	return batches
}

// changed returns the content with new versions of some open rows, and the new versions alone.
func (t *trial) changed(c *content) (now, versions *content) {
	now, versions = c.clone(), nothing(c.id)
	now.checkpoint = some(t.checkpoint())
	for _, of := range t.of {
		next := of.NewRows()
		for i := range now.of(of).Len() {
			row := now.of(of).At(i)
			if !row.Final && t.flip("another version") {
				t.fill(of, row.Value, func(c *projections.Column) bool { return !c.Key })
				row.Final = t.flip("final now")
				versions.list(of).Add(row)
			}
			next.Add(row)
		}
		now.tables[of] = next
	}
	return now, versions
}

// plain returns the content of a run that has only its own row.
func (t *trial) plain(run domain.RunID) *content {
	c := nothing(run)
	c.add(projections.RunTable.Definition, false)
	c.run().State = projections.Active
	c.checkpoint = some(store.Checkpoint{
		Mark: domain.StartMark, End: domain.StartMark, Projections: projections.ID(t.of), ReadOptions: "plain", Source: "nowhere",
	})
	return c
}

// addText adds to each table a row with that text wherever possible.
func (t *trial) addText(c *content, text string) {
	for _, of := range t.of {
		if of.Single {
			continue
		}
		index := int64(c.of(of).Len())
		row := c.add(of, false)
		for i := range of.Columns {
			switch column := &of.Columns[i]; {
			case column.Values != nil:
				set(column, row, column.Values[0])
			case column.Type == projections.Text:
				set(column, row, text)
			case column.Type == projections.Int && !column.Nullable:
				set(column, row, index)
			}
		}
	}
}
