package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// Runs that have a label or text are looked up one by one if they are few. If more have it, it
// is faster to go through all runs in the order of the page until enough of them have it; but
// if that takes long, and they are not too many, they are looked up after all.
const few, many = 2_000, 20_000

// Runs returns a page of runs. One query reads all that a page shows, at one moment.
func (r Reader) Runs(ctx context.Context, page store.Page) ([]store.Listed, error) {
	page.Limit = cmp.Or(page.Limit, 50)
	if err := r.fits(ctx, projections.RunTable.Definition, projections.LabelRows.Definition); err != nil {
		return nil, err
	}
	switch {
	case !utf8.ValidString(page.Text):
		return nil, nil
	case len(criteria(&page)) == 0:
		return r.page(ctx, page, (*listing).walk)
	}
	if runs, ok, err := r.lookUp(ctx, page, few); ok || err != nil {
		return runs, err
	}
	cut, err := r.cut(ctx, page)
	if err != nil {
		return nil, err
	}
	runs, err := r.page(ctx, page, func(l *listing) string {
		l.cut = cut
		return l.walk()
	})
	if err != nil || !cut.Valid || len(runs) == page.Limit {
		return runs, err
	}
	if runs, ok, err := r.lookUp(ctx, page, many); ok || err != nil {
		return runs, err
	}
	return r.page(ctx, page, func(l *listing) string {
		l.allFirst = true
		return l.walk()
	})
}

// lookUp looks up the runs that meet a criterion, unless it is met by more than most.
func (r Reader) lookUp(ctx context.Context, page store.Page, most int64) (runs []store.Listed, ok bool, err error) {
	chosen, least := -1, most+1
	for i, c := range criteria(&page) {
		l := &listing{d: r.dialect, page: page}
		query := "SELECT count(*) FROM (" + c.runs(l) + " LIMIT " + l.arg(least) + ") AS found"
		counts, err := list(ctx, r, "the runs", func(_ *Dialect, n *int64) []any { return []any{n} }, query, l.args...)
		if err != nil {
			return nil, false, err
		}
		if counts[0] < least {
			chosen, least = i, counts[0]
		}
	}
	if chosen < 0 {
		return nil, false, nil
	}
	runs, err = r.page(ctx, page, func(l *listing) string { return l.lookUp(chosen) })
	return runs, true, err
}

// page reads a page of the runs that a query selects.
func (r Reader) page(ctx context.Context, page store.Page, selects func(*listing) string) (runs []store.Listed, err error) {
	l := &listing{d: r.dialect, page: page}
	query := l.show(selects(l))
	for row, err := range each(r.dialect, "the runs", listedColumns, func() (Rows, error) { return r.query(ctx, query, l.args...) }) {
		if err != nil {
			return nil, err
		}
		if len(runs) == 0 || runs[len(runs)-1].RunID != row.of().RunID {
			runs = append(runs, store.Listed{Run: *row.of(), Source: row.source})
		}
		if last := &runs[len(runs)-1]; row.labelled {
			last.Labels = append(last.Labels, row.label)
		}
	}
	return runs, nil
}

// listedRow is a run with one of its labels, if it has any.
type listedRow struct {
	run      projections.Ref
	source   string
	labelled bool
	label    projections.Label
}

func (r *listedRow) of() *store.Run { return projections.RunTable.At(r.run) }

func listedColumns(d *Dialect, r *listedRow) []any {
	r.run = projections.RunTable.NewRows().New(0, false)
	into := append([]any{text(d, &r.of().RunID)}, d.cells(projections.RunTable.Definition, r.run)...)
	return append(into, text(d, &r.source), boolean(&r.labelled), text(d, &r.label.Key), text(d, &r.label.Value))
}

// listing makes a query for a page.
type listing struct {
	d    *Dialect
	page store.Page
	args []any
	// cut, if it is known, is the time where the walk ends.
	cut projections.Null[int64]
	// allFirst finds all runs that meet the criteria before the walk, which is faster than to
	// test each one on a long way.
	allFirst bool
}

// arg returns the placeholder of an argument.
func (l *listing) arg(value any) string {
	if s, ok := value.(string); ok {
		value = l.d.encode(s)
	}
	l.args = append(l.args, value)
	return fmt.Sprintf("?%d", len(l.args))
}

// show selects the columns of a list for the first runs of a query, with a row for each label.
func (l *listing) show(query string) string {
	order := "at IS NULL, at DESC, id"
	if l.page.Before != nil {
		order = "at IS NOT NULL, at, id DESC"
	}
	return fmt.Sprintf(`SELECT id, %s, coalesce(checkpoints.source, ''), labels.run_id IS NOT NULL, coalesce(labels.key, ''), coalesce(labels.value, '')
FROM (SELECT id, at FROM (%s) AS parts ORDER BY %s LIMIT %s) AS page CROSS JOIN {runs} AS runs
LEFT JOIN {checkpoints} AS checkpoints ON checkpoints.run_id = id LEFT JOIN {labels} AS labels ON labels.run_id = id
WHERE runs.run_id = id ORDER BY at IS NULL, at DESC, id, labels.position`, names(projections.RunTable.Definition), query, order, l.limit())
}

func (l *listing) limit() string { return l.arg(int64(l.page.Limit)) }

// walk selects the first runs that follow the place in an index by time.
func (l *listing) walk() string {
	passes := ""
	for _, c := range criteria(&l.page) {
		if l.allFirst {
			passes += " AND (runs.run_id IN (" + c.runs(l) + ")) IS TRUE" // which keeps PostgreSQL from joining them
		} else {
			passes += " AND " + c.passes(l)
		}
	}
	return l.parts("run_id AS id, started_at_ms AS at", passes, l.limit())
}

// parts selects the first runs of each range of an index.
func (l *listing) parts(columns, passes, limit string) string {
	spans, kinds := l.spans(), l.kinds()
	var parts []string
	for _, span := range spans {
		for _, kind := range kinds {
			parts = append(parts, fmt.Sprintf("SELECT * FROM (SELECT %s FROM {runs} AS runs WHERE %s AND %s%s ORDER BY %s LIMIT %s) AS part%d",
				columns, kind, span.where, passes, span.order, limit, len(parts)))
		}
	}
	return strings.Join(parts, " UNION ALL ")
}

// lookUp selects the runs that meet a criterion and follow the place.
func (l *listing) lookUp(chosen int) string {
	all := criteria(&l.page)
	query := "SELECT run_id AS id, started_at_ms AS at FROM (SELECT DISTINCT run_id AS candidate FROM (" + all[chosen].runs(l) + ") AS found) AS candidates CROSS JOIN {runs} AS runs WHERE run_id = candidate"
	for _, c := range slices.Delete(all, chosen, chosen+1) {
		query += " AND " + c.passes(l)
	}
	var spans []string
	for _, span := range l.spans() {
		spans = append(spans, span.where)
	}
	return query + " AND (" + strings.Join(l.kinds(), " OR ") + ") AND (" + strings.Join(spans, " OR ") + ")"
}

// span is a range of an index by time: a condition and an order.
type span struct{ where, order string }

// spans returns the consecutive ranges of an index by time that follow the place. The database can
// start reading the index where a range begins, which it cannot do for conditions joined by OR.
func (l *listing) spans() (spans []span) {
	const timed, untimed = "started_at_ms IS NOT NULL", "started_at_ms IS NULL"
	at, beyond, before, ids, times := l.page.After, ">", "<", "run_id", "started_at_ms DESC, run_id"
	if l.page.Before != nil {
		at, beyond, before, ids, times = l.page.Before, "<", ">", "run_id DESC", "started_at_ms, run_id DESC"
	}
	cut := ""
	if l.cut.Valid {
		cut = " AND started_at_ms " + beyond + "= " + l.arg(l.cut.V)
	}
	switch {
	case at == nil:
		spans = []span{{timed + cut, times}}
	case at.StartedAtMs.Valid:
		time := l.arg(at.StartedAtMs.V)
		spans = []span{{"started_at_ms = " + time + " AND run_id " + beyond + " " + l.arg(string(at.RunID)), ids}, {"started_at_ms " + before + " " + time + cut, times}}
	default:
		spans = []span{{untimed + " AND run_id " + beyond + " " + l.arg(string(at.RunID)), ids}}
	}
	switch {
	case l.page.Before == nil && (at == nil || at.StartedAtMs.Valid) && !l.cut.Valid:
		spans = append(spans, span{untimed, ids})
	case l.page.Before != nil && !at.StartedAtMs.Valid:
		spans = append(spans, span{timed + cut, times})
	}
	return spans
}

// kinds returns conditions for the runs with the page's State and Ended. For each of them, an
// index has the runs by time.
func (l *listing) kinds() (kinds []string) {
	if l.page.State == "" && !l.page.Ended.Valid {
		return []string{"true"}
	}
	states, ended := l.page.State.Values(), []bool{true, false}
	if l.page.State != "" {
		states = []string{string(l.page.State)}
	}
	if l.page.Ended.Valid {
		ended = []bool{l.page.Ended.V}
	}
	for _, state := range states {
		for _, ended := range ended {
			kinds = append(kinds, "state = "+l.arg(state)+" AND ended = "+l.arg(ended))
		}
	}
	return kinds
}

// cut returns the time until which a walk tests few runs of each kind; null if there are no more.
func (r Reader) cut(ctx context.Context, page store.Page) (cut projections.Null[int64], err error) {
	l, last := &listing{d: r.dialect, page: page}, "max"
	if page.Before != nil {
		last = "min"
	}
	query := "SELECT count(at), coalesce(" + last + "(at), 0) FROM (" + l.parts("started_at_ms AS at", "", "1 OFFSET "+l.arg(int64(2*few))) + ") AS ends"
	type row struct{ count, at int64 }
	rows, err := list(ctx, r, "the runs", func(_ *Dialect, row *row) []any { return []any{&row.count, &row.at} }, query, l.args...)
	if err == nil && rows[0].count > 0 {
		cut = projections.Some(rows[0].at)
	}
	return cut, err
}

// criterion is a filter by labels: a query for the runs that meet it, some of them twice, and a
// condition for a row of the table runs.
type criterion struct{ runs, passes func(*listing) string }

func criteria(page *store.Page) (all []criterion) {
	if page.Label != nil {
		all = append(all, criterion{
			func(l *listing) string { return "SELECT run_id FROM {labels} AS labels WHERE " + l.isLabel() },
			func(l *listing) string { return hasLabel(l.isLabel()) },
		})
	}
	if page.Text != "" {
		all = append(all, criterion{
			func(l *listing) string {
				return "SELECT run_id FROM {runs} AS runs WHERE " + l.begins("run_id") + " UNION ALL SELECT run_id FROM {labels} AS labels WHERE " + l.begins("value")
			},
			func(l *listing) string {
				return "(" + l.begins("runs.run_id") + " OR " + hasLabel(l.begins("value")) + ")"
			},
		})
	}
	return all
}

// hasLabel returns a condition for a row of runs. OFFSET makes PostgreSQL look for labels of that
// run, instead of first finding those of all runs.
func hasLabel(condition string) string {
	return "EXISTS (SELECT 1 FROM {labels} AS labels WHERE labels.run_id = runs.run_id AND " + condition + " LIMIT 1 OFFSET 0)"
}

// isLabel returns a condition for the page's label.
func (l *listing) isLabel() string {
	equals := l.d.Equals
	if equals == nil {
		equals = func(column, text string) string { return column + " = " + text }
	}
	return equals("value", l.arg(l.page.Label.Value)) + " AND " + equals("key", l.arg(l.page.Label.Key))
}

// begins returns a condition for a column whose text begins with the page's.
func (l *listing) begins(column string) string {
	if l.d.Begins != nil {
		return l.d.Begins(column, l.arg(l.page.Text))
	}
	behind := []byte(l.page.Text)
	behind[len(behind)-1]++ // UTF-8 has no byte 0xFF
	return fmt.Sprintf("%s >= %s AND %[1]s < %[3]s", column, l.arg(l.page.Text), l.arg(string(behind)))
}
