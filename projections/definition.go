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

// Declaration is all that there is to say of a projection whose rows are of type R.
// [Define] makes a definition of it.
//
// R is a struct. Each of its fields is a column: a string, an int, int32 or int64, a
// bool, or a [Null] of one of these. The json tag names the column; the doc tag, if
// there is one, says in a sentence what it holds, and min the least that an integer is.
type Declaration[R comparable] struct {
	// Name is what people call the projection: a lower-case identifier, such as
	// retries. The parts of one that has several are called name.part.
	Name string
	// Version counts from 1. Raise it whenever the same stream gives other rows than
	// before, or the columns change: rows of different versions are never mixed.
	Version int
	// Key names the columns that identify a row within its run. A projection of which
	// a run has one row has none. The rows of a log, which nothing but their order tells
	// apart, have the key "position".
	Key []string
	// New returns the reducer of a run of which nothing has been read.
	New func() Projection[R]

	// Single says that a run has exactly one row, which is final never.
	Single bool
	// ByPosition says that the place of a row is its key.
	ByPosition bool
	// Summary says that the rows sum up the whole run, so that a list of rows as they
	// come ends with them. Those of a Single always do.
	Summary bool
	// Doc says in a sentence what the rows are.
	Doc string

	// Table is what the table in a store is called, if not like the projection.
	Table string
	// Unstored says that stores have no table of it.
	Unstored bool
	// Indexes are those of the table, besides that of its key.
	Indexes []Index
	// Holds names projections that reports have and whose columns this one puts
	// together in one table; it is in no report itself.
	Holds []string
}

// Index is an index of a table, of rows of all runs.
type Index struct {
	Name string
	// Columns are what follows ON table in SQL, such as "started_at_ms DESC, run_id".
	Columns string
	// Where, if there is any, is the condition in SQL for the rows that are in the index.
	Where string
}

// Defined is the definition of a projection whose rows are of type R.
type Defined[R comparable] struct {
	*Definition
	fresh func() Projection[R]
}

// New returns the reducer of a run of which nothing has been read.
func (d *Defined[R]) New() Projection[R] { return d.fresh() }

// Into makes the projection a member of a fold, see [Into].
func (d *Defined[R]) Into(take func(*Row[R])) Member { return Into(d.Name, d.fresh(), take) }

// List returns a list of rows.
func (d *Defined[R]) List(rows ...Row[R]) Rows { return &rowsOf[R]{rows} }

// At returns the row that a reference of this projection's points to.
func (d *Defined[R]) At(row Ref) *R { return (*R)(row.p) }

// Definition is a projection as formats and stores know it: by its name and its
// columns, whatever the type of its rows is.
type Definition struct {
	Name    string
	Version int
	// Columns are those of the rows. The run's id is not among them: every format and
	// every table has it in front.
	Columns []Column
	// HasRunID says that the row's struct has the run's id as well, and so has the row
	// in a document.
	HasRunID bool
	// Table is the name of the table in a store; "" if it has none.
	Table   string
	Indexes []Index
	// Single says that a run has exactly one row, which is final never.
	Single bool
	// ByPosition says that the place of a row is its key.
	ByPosition bool
	// Summary says that the rows sum up the whole run.
	Summary bool
	// Reported says that reports have the rows: all but those that are only a table.
	Reported bool
	// Holds names the projections whose columns the table puts together.
	Holds []string
	// Doc says in a sentence what the rows are.
	Doc string

	err    error   // what is wrong with the declaration
	run    *Column // that holds the run's id
	texts  []int   // which columns are texts
	member func(take func(AnyRow)) Member
	gather func(next func() Rows) Member
	rows   func() Rows
	value  func(Ref) any
}

// AnyDefinition is a [Definition] or a [Defined].
type AnyDefinition interface{ definition() *Definition }

func (d *Definition) definition() *Definition { return d }

// Define declares a projection. What is wrong with a declaration is an error when it is
// put into a set, see [NewSet].
func Define[R comparable](declared Declaration[R]) *Defined[R] {
	d := &Definition{
		Name: declared.Name, Version: declared.Version, Table: declared.Table, Indexes: declared.Indexes, Holds: declared.Holds, Doc: declared.Doc,
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
	d.member = func(take func(AnyRow)) Member {
		return Into(d.Name, declared.New(), func(row *Row[R]) { take(AnyRow{row.Index, row.Final, refTo(&row.Value)}) })
	}
	d.gather = func(next func() Rows) Member {
		return Into(d.Name, declared.New(), func(row *Row[R]) {
			rows := next().(*rowsOf[R])
			rows.rows = append(rows.rows, *row)
		})
	}
	return &Defined[R]{d, declared.New}
}

// Member makes a fresh projection a member of a fold, see [Into].
func (d *Definition) Member(take func(AnyRow)) Member { return d.member(take) }

// Gather makes a fresh projection a member of a fold, see [Into], that adds each row to the
// list that next returns, which is one of [Definition.NewRows].
func (d *Definition) Gather(next func() Rows) Member { return d.gather(next) }

// NewRows returns an empty list of rows of the projection.
func (d *Definition) NewRows() Rows { return d.rows() }

// Any returns a row with its type, the struct that the projection was declared with.
func (d *Definition) Any(row Ref) any { return d.value(row) }

// TextBytes returns how many bytes of text a row has.
func (d *Definition) TextBytes(row Ref) (n int) {
	for _, i := range d.texts {
		n += len(d.Columns[i].Text(row))
	}
	return n
}

// Describe describes the table, for a store to remember what it was made for:
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

// SetRun sets the run's id in a row, if rows have it.
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

// ID returns the name with the version, such as jobs@2.
func (d *Definition) ID() string { return fmt.Sprintf("%s@%d", d.Name, d.Version) }

var (
	identifier = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	nameForm   = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?$`)
)

// A name is part of others, such as that of an index, which PostgreSQL cuts at 63 bytes.
const maxName = 40

// maxColumns is how many columns a row has at most: databases limit what a statement has.
const maxColumns = 64

// reservedColumns have a meaning in all tables or rows; the others are PostgreSQL's own.
var reservedColumns = []string{"run_id", "position", "final", "projection", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}

func (d *Definition) check(key []string) error {
	var all error
	wrong := func(format string, args ...any) { all = errors.Join(all, fmt.Errorf(format, args...)) }
	switch {
	case !nameForm.MatchString(d.Name) || len(d.Name) > maxName:
		wrong("its name is no lower-case identifier of at most %d letters, digits and _", maxName)
	case d.Table != "" && (!identifier.MatchString(d.Table) || len(d.Table) > maxName):
		wrong("its table %q is no lower-case identifier of at most %d letters, digits and _", d.Table, maxName)
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
		case c.Name == "": // said already
		case !identifier.MatchString(c.Name) || len(c.Name) > maxName:
			wrong("column %q is no lower-case identifier of at most %d letters, digits and _", c.Name, maxName)
		case slices.Contains(reservedColumns, c.Name):
			wrong("column %s: the name is reserved; choose another one", c.Name)
		case seen[c.Name]:
			wrong("column %s is there twice", c.Name)
		}
		seen[c.Name] = true
	}
	for _, index := range d.Indexes {
		if !identifier.MatchString(index.Name) || len(d.Table)+len(index.Name) > maxName {
			wrong("index %q: its name and that of the table are no lower-case identifiers of at most %d letters together", index.Name, maxName)
		}
	}
	return errors.Join(all, d.setKey(key))
}

// setKey marks the columns of the key.
func (d *Definition) setKey(key []string) error {
	switch {
	case d.Single && len(key) > 0:
		return errors.New("it has one row and a key; it needs none")
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
