package sqlstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Leniently returns a dialect that also reads tables with other columns, together with the columns
// that these lack, and those that only they have.
func (r Reader) Leniently(ctx context.Context) (_ *Dialect, lacks, more map[*projections.Definition][]string, err error) {
	all, err := r.registered(ctx)
	d := *r.dialect
	d.Tables, lacks, more = map[*projections.Definition]table{}, map[*projections.Definition][]string{}, map[*projections.Definition][]string{}
	for _, of := range d.Set.Stored() {
		if was, known := all[of.Name]; known && was.columns != of.Describe() {
			d.Tables[of] = parseTable(was.columns)
			is := parseTable(of.Describe())
			lacks[of], more[of] = is.without(d.Tables[of]), d.Tables[of].without(is)
		}
	}
	return &d, lacks, more, err
}

// table is a table as the store knows it.
type table struct {
	name    string
	columns []column
}

type column struct{ name, kind string }

// parseTable parses the text of [projections.Definition.Describe].
func parseTable(described string) table {
	name, list, _ := strings.Cut(described, ":")
	t := table{name: name}
	for _, item := range strings.Split(list, ",") {
		words := strings.Fields(item)
		if len(words) < 2 || words[1] == "key" { // the position, which every table has
			continue
		}
		c := column{words[0], words[1]}
		for _, word := range words[2:] {
			if word != "key" {
				c.kind += " " + word
			}
		}
		t.columns = append(t.columns, c)
	}
	return t
}

// without returns the names of the columns that another table does not have.
func (t table) without(other table) (names []string) {
	for _, c := range t.columns {
		if !c.isIn(other) {
			names = append(names, c.name)
		}
	}
	return names
}

// zero returns the value of a column that a run without it gets.
func (c column) zero() string {
	switch kind, _, _ := strings.Cut(c.kind, " "); {
	case strings.HasSuffix(c.kind, " null"):
		return "NULL"
	case kind == "text":
		return "''"
	case kind == "boolean":
		return "false"
	}
	return "0"
}

// from returns the value of the column for a row that is copied from another table. null is copied
// only into a nullable column.
func (c column) from(other table) string {
	if c.isIn(other) {
		return fmt.Sprintf("coalesce(%q, %s)", c.name, c.zero())
	}
	return c.zero()
}

// isIn reports whether another table has the column with the same type.
func (c column) isIn(other table) bool {
	plain := func(c column) string { return strings.TrimSuffix(c.kind, " null") }
	return slices.ContainsFunc(other.columns, func(o column) bool { return o.name == c.name && plain(o) == plain(c) })
}

// Carry returns the statements that replace the rows of runs in a generation by the live ones. It
// leaves out the tables that the generation shares with the live one.
func (r Reader) Carry(ctx context.Context, runs []domain.RunID) (all []Statement, err error) {
	existing, err := r.existing(ctx)
	if err != nil {
		return nil, err
	}
	live, err := r.with("").registered(ctx)
	if err != nil {
		return nil, err
	}
	own, err := r.registered(ctx)
	if err != nil {
		return nil, err
	}
	for runs := range slices.Chunk(runs, MaxList) {
		condition, args := r.dialect.In(runs)
		add := func(format string, values ...any) {
			all = append(all, Statement{r.dialect.SQL(fmt.Sprintf(format, values...) + " WHERE run_id " + condition), args})
		}
		for _, name := range slices.Sorted(maps.Keys(own)) {
			of := parseTable(own[name].columns)
			if !existing[r.dialect.Prefix+of.name] {
				continue
			}
			add("DELETE FROM {%s}", of.name)
			if was, ok := live[name]; ok {
				names, values := of.from(parseTable(was.columns))
				add("INSERT INTO {%s} (run_id, %sposition, final) SELECT run_id, %sposition, final FROM %q", of.name, names, values, parseTable(was.columns).name)
				all[len(all)-1].Query += " ON CONFLICT DO NOTHING"
			}
		}
		add("DELETE FROM {checkpoints}")
		add("INSERT INTO {checkpoints} (%[1]s, updated_at) SELECT %[1]s, updated_at FROM checkpoints", CheckpointNames)
	}
	return all, nil
}

// from returns the names of the columns, and the values that rows of another table give.
func (t table) from(other table) (names, values string) {
	for _, c := range t.columns {
		names, values = names+fmt.Sprintf("%q, ", c.name), values+c.from(other)+", "
	}
	return names, values
}
