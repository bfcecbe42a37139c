package projections

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/domain"
)

// Declaration declares a projection with rows of type R. [Define] makes a definition of it.
//
// R is a struct. Each of its fields is a column: a string, an int, int32 or int64, a
// bool, or a [Null] of one of these. The json tag names the column. The optional tag doc
// describes the column in a sentence, and min is the least value of an integer.
type Declaration[R comparable] struct {
	// Name is a lower-case identifier, such as retries. The names of the parts of a
	// projection with several parts have the form name.part.
	Name string
	// Version counts from 1. Raise it whenever the same stream gives other rows, or the
	// columns change: rows of different versions are never mixed.
	Version int
	// Key names the columns that identify a row within its run. A Single projection has no
	// key. If only the order tells rows apart, as in a log, the key is "position".
	Key []string
	// New returns a reducer that has read nothing.
	New func() Projection[R]
	// Kinds are the kinds of events at which Reduce does anything: it is not called for others,
	// which saves time. nil means all kinds, and lines that hold no event.
	Kinds []domain.Kind

	// Single says that a run has exactly one row, which is never final.
	Single bool
	// Summary says that the rows sum up the whole run: NDJSON ends with them. The row of a
	// Single projection always does.
	Summary bool
	// Doc describes the rows in a sentence.
	Doc string

	// Table is the name of the table in a store; by default it is the name of the
	// projection.
	Table string
	// Unstored says that stores have no table of the projection.
	Unstored bool
	// Indexes has the indexes of the table, in addition to the one of its key.
	Indexes []Index
	// Holds names projections of reports whose columns this projection has in one table.
	// The projection itself is in no report.
	Holds []string
}

// Index is an index of a table, over the rows of all runs.
//
// A store that has an index with the name keeps it: give an index of other columns another name.
type Index struct {
	Name string
	// Columns is the list of columns in SQL, such as "started_at_ms DESC, run_id".
	Columns string
	// Where, if not "", is an SQL condition: the index contains only rows that meet it.
	Where string
}

// Defined is the definition of a projection with rows of type R.
type Defined[R comparable] struct {
	*Definition
	fresh func() Projection[R]
}

// New returns a reducer that has read nothing.
func (d *Defined[R]) New() Projection[R] { return d.fresh() }

// Into makes the projection a member of a fold, see [Into].
func (d *Defined[R]) Into(take func(*Row[R])) Member {
	return &member[R]{called: d.Name, projection: d.fresh(), take: take, kinds: bitsOf(d.Kinds)}
}

// List returns a list of rows.
func (d *Defined[R]) List(rows ...Row[R]) Rows { return &rowsOf[R]{rows} }

// At returns the row that row points to. It has to be a row of this projection.
func (d *Defined[R]) At(row Ref) *R { return (*R)(row.p) }

// Definition describes a projection for formats and stores, by name and columns, without the
// type of its rows.
type Definition struct {
	Name    string
	Version int
	// Columns are the columns of the rows, without the run's id, which every format and every table
	// has as its first column.
	Columns []Column
	// HasRunID says that the row's struct has the run's id too, and so has the row in a
	// document.
	HasRunID bool
	// Table is the name of the table in a store; "" if the projection has none.
	Table   string
	Indexes []Index
	// Single says that a run has exactly one row, which is never final.
	Single bool
	// ByPosition says that the index of a row is its key.
	ByPosition bool
	// Summary says that the rows sum up the whole run.
	Summary bool
	// Reported says that the projection is in reports, and not only a table.
	Reported bool
	// Holds names the projections whose columns the table has.
	Holds []string
	// Kinds are the kinds of events at which the projection does anything; nil means all entries.
	Kinds []domain.Kind
	// Doc describes the rows in a sentence.
	Doc string

	err    error   // the mistakes in the declaration
	run    *Column // the column that holds the run's id
	texts  []int   // indexes of the columns of type Text
	member func(take func(AnyRow)) Member
	gather func(added func(int)) (Member, func(Rows))
	rows   func() Rows
	value  func(Ref) any
}

// AnyDefinition is a [Definition] or a [Defined].
type AnyDefinition interface{ definition() *Definition }

func (d *Definition) definition() *Definition { return d }

// Define defines a projection. [NewSet] returns the mistakes in its declaration as an error.
func Define[R comparable](declared Declaration[R]) *Defined[R] {
	d := &Definition{
		Name: declared.Name, Version: declared.Version, Table: declared.Table, Indexes: declared.Indexes, Holds: declared.Holds, Doc: declared.Doc, Kinds: declared.Kinds,
		Single: declared.Single, Summary: declared.Single || declared.Summary, Reported: declared.Holds == nil,
	}
	if d.Table == "" {
		d.Table = strings.ReplaceAll(d.Name, ".", "_")
	}
	if declared.Unstored {
		d.Table = ""
	}
	columns, err := columnsOf(reflect.TypeFor[R]())
	for _, c := range columns {
		if c.run {
			d.run, d.HasRunID = &c, true
		} else {
			d.Columns = append(d.Columns, c)
		}
	}
	d.err = errors.Join(err, d.check(declared.Key))
	if declared.New == nil {
		d.err = errors.Join(d.err, errors.New("it has no New"))
	}
	for i, c := range d.Columns {
		if c.Type == Text {
			d.texts = append(d.texts, i)
		}
	}
	d.rows = func() Rows { return &rowsOf[R]{} }
	d.value = func(row Ref) any { return *(*R)(row.p) }
	defined := &Defined[R]{d, declared.New}
	d.member = func(take func(AnyRow)) Member {
		return defined.Into(func(row *Row[R]) { take(AnyRow{row.Index, row.Final, refTo(&row.Value)}) })
	}
	d.gather = func(added func(int)) (Member, func(Rows)) {
		g := &gathering[R]{member: member[R]{called: d.Name, projection: declared.New(), kinds: bitsOf(d.Kinds)}, added: added}
		g.take = g.add
		return g, func(into Rows) { g.into = into.(*rowsOf[R]) }
	}
	return defined
}

// Member makes a new projection a member of a fold, see [Into].
func (d *Definition) Member(take func(AnyRow)) Member { return d.member(take) }

// Gather is Member for rows that are gathered in lists, which saves a copy of each. The second result
// sets the list to which rows are appended from then on. added is called with the number of rows of
// each step.
func (d *Definition) Gather(added func(int)) (Member, func(Rows)) { return d.gather(added) }

// NewRows returns an empty list of rows of the projection.
func (d *Definition) NewRows() Rows { return d.rows() }

// Any returns a copy of a row, with the type of the declaration.
func (d *Definition) Any(row Ref) any { return d.value(row) }

// TextBytes returns the length of all texts of a row.
func (d *Definition) TextBytes(row Ref) (n int) {
	for _, i := range d.texts {
		n += len(d.Columns[i].Text(row))
	}
	return n
}

// Describe describes the table, for a store to compare it with a later definition:
// "jobs: job_id text key, state text, exit_code integer 32 null".
func (d *Definition) Describe() string {
	columns := make([]string, len(d.Columns))
	for i, c := range d.Columns {
		columns[i] = c.Name + " " + c.Type.String()
		if c.Bits == 32 {
			columns[i] += " 32"
		}
		if c.Key {
			columns[i] += " key"
		}
		if c.Nullable {
			columns[i] += " null"
		}
	}
	if d.ByPosition {
		columns = append(columns, "position key")
	}
	return d.Table + ": " + strings.Join(columns, ", ")
}

// SetRun sets the run's id in a row, if its struct has it.
func (d *Definition) SetRun(row Ref, run domain.RunID) {
	if d.run != nil {
		d.run.setRun(row, run)
	}
}

// Keys returns the columns of the key.
func (d *Definition) Keys() (keys []*Column) {
	for i := range d.Columns {
		if d.Columns[i].Key {
			keys = append(keys, &d.Columns[i])
		}
	}
	return keys
}

// ID returns the name and the version, such as jobs@2.
func (d *Definition) ID() string { return fmt.Sprintf("%s@%d", d.Name, d.Version) }

var (
	identifier = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	nameForm   = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$`)
)

// maxName leaves room for longer names, such as those of indexes: PostgreSQL cuts names at 63
// bytes.
const maxName = 40

// maxColumns is the limit of columns in a row: databases limit the size of statements.
const maxColumns = 64

// reservedColumns have a meaning in all tables or rows, or are system columns of PostgreSQL.
var reservedColumns = []string{"run_id", "position", "final", "projection", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}

func (d *Definition) check(key []string) error {
	var all error
	wrong := func(format string, args ...any) { all = errors.Join(all, fmt.Errorf(format, args...)) }
	switch {
	case !nameForm.MatchString(d.Name) || len(d.Name) > maxName:
		wrong("its name is not a lower-case identifier of at most %d letters, digits and _", maxName)
	case d.Table != "" && (!identifier.MatchString(d.Table) || len(d.Table) > maxName):
		wrong("its table %q is not a lower-case identifier of at most %d letters, digits and _", d.Table, maxName)
	}
	if d.Version < 1 {
		wrong("its version is %d; versions count from 1", d.Version)
	}
	if len(d.Columns) == 0 || len(d.Columns) > maxColumns {
		wrong("it has %d columns; a row has 1 to %d", len(d.Columns), maxColumns)
	}
	seen := map[string]bool{}
	for _, c := range d.Columns {
		switch {
		case c.Name == "": // reported already
		case !identifier.MatchString(c.Name) || len(c.Name) > maxName:
			wrong("column %q is not a lower-case identifier of at most %d letters, digits and _", c.Name, maxName)
		case slices.Contains(reservedColumns, c.Name):
			wrong("column %s: the name is reserved; choose another one", c.Name)
		case seen[c.Name]:
			wrong("column %s is declared twice", c.Name)
		}
		seen[c.Name] = true
	}
	for _, index := range d.Indexes {
		if !identifier.MatchString(index.Name) || len(d.Table)+len(index.Name) > maxName {
			wrong("index %q: its name is not a lower-case identifier, or longer than %d letters together with the name of the table", index.Name, maxName)
		}
	}
	return errors.Join(all, d.setKey(key))
}

// setKey marks the columns of the key.
func (d *Definition) setKey(key []string) error {
	switch {
	case d.Single && len(key) > 0:
		return errors.New("it is Single and has a key; a projection of one row needs none")
	case slices.Equal(key, []string{"position"}):
		d.ByPosition = true
		return nil
	case !d.Single && len(key) == 0:
		return errors.New("it has no key; name the columns that identify a row within its run")
	}
	var all error
	for i, name := range key {
		at := slices.IndexFunc(d.Columns, func(c Column) bool { return c.Name == name })
		switch {
		case at < 0:
			all = errors.Join(all, fmt.Errorf("its key names the column %q, which it does not have", name))
		case slices.Contains(key[:i], name):
			all = errors.Join(all, fmt.Errorf("its key names the column %s twice", name))
		case d.Columns[at].Nullable:
			all = errors.Join(all, fmt.Errorf("column %s is part of the key and may be null; a key is never null", name))
		default:
			d.Columns[at].Key = true
		}
	}
	return all
}
