package projections

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unsafe"

	"github.com/quire-ci/quire-project/domain"
)

// Type is the type of a column's values.
type Type uint8

// The types. A value may be null if its column is nullable.
const (
	Text Type = iota
	Int
	Bool
)

// String returns the type's name.
func (t Type) String() string { return [...]string{"text", "integer", "boolean"}[t] }

// Column is a column of a projection's rows: a field of the row's struct, with the name in
// its json tag. Formats and stores read and write rows only through columns.
type Column struct {
	Name     string
	Type     Type
	Nullable bool
	// Bits is the size of an integer: 32 or 64. An int has 64, so that stores are the same
	// on all platforms.
	Bits int
	// Key says that the column is part of the key, which identifies a row within its run.
	Key bool
	// Values are all values of a text whose type has a method Values; nil means any text.
	Values []string
	// Min is the least value of an integer, from the field's min tag.
	Min int64
	// Doc describes the column in a sentence, from the field's doc tag.
	Doc string

	run    bool    // the field holds the run's id, which is no column of the projection
	narrow bool    // an integer has 32 bits in memory
	offset uintptr // of the field
	valid  uintptr // of the Valid of its Null
}

// Ref points to a row of any type. Read and write the row through its columns.
type Ref struct{ p unsafe.Pointer }

func refTo[R any](row *R) Ref { return Ref{unsafe.Pointer(row)} }

// IsNull reports whether the row's value in the column is null.
func (c *Column) IsNull(row Ref) bool { return c.Nullable && !*(*bool)(unsafe.Add(row.p, c.valid)) }

// Text returns the row's value in a column of type Text; "" if it is null.
func (c *Column) Text(row Ref) string { return *(*string)(unsafe.Add(row.p, c.offset)) }

// Int returns the row's value in a column of type Int; 0 if it is null.
func (c *Column) Int(row Ref) int64 {
	p := unsafe.Add(row.p, c.offset)
	if c.narrow {
		return int64(*(*int32)(p))
	}
	return *(*int64)(p)
}

// Bool returns the row's value in a column of type Bool; false if it is null.
func (c *Column) Bool(row Ref) bool { return *(*bool)(unsafe.Add(row.p, c.offset)) }

// Value returns the row's value in a type of database/sql: nil, a string, an int64 or a
// bool.
func (c *Column) Value(row Ref) any {
	switch {
	case c.IsNull(row):
		return nil
	case c.Type == Text:
		return c.Text(row)
	case c.Type == Int:
		return c.Int(row)
	}
	return c.Bool(row)
}

// Equal reports whether two rows have the same value in the column.
func (c *Column) Equal(a, b Ref) bool {
	switch {
	case c.IsNull(a) || c.IsNull(b):
		return c.IsNull(a) == c.IsNull(b)
	case c.Type == Text:
		return c.Text(a) == c.Text(b)
	case c.Type == Int:
		return c.Int(a) == c.Int(b)
	}
	return c.Bool(a) == c.Bool(b)
}

// Set sets the row's value to one from a database: nil, a string, an int64 or a bool. For
// databases without booleans, a column of type Bool also takes an int64. Set returns an
// error for a value of another type, an integer out of range, and an unexpected null.
func (c *Column) Set(row Ref, value any) error {
	p := unsafe.Add(row.p, c.offset)
	switch v := value.(type) {
	case nil:
		if !c.Nullable {
			return fmt.Errorf("column %s is null where %s is expected", c.Name, c.Type)
		}
		c.setNull(p)
	case string:
		if c.Type != Text {
			return c.mismatch(value)
		}
		*(*string)(p) = v
	case bool:
		if c.Type != Bool {
			return c.mismatch(value)
		}
		*(*bool)(p) = v
	case int64:
		switch {
		case c.Type == Bool:
			*(*bool)(p) = v != 0
		case c.Type != Int:
			return c.mismatch(value)
		case !c.narrow:
			*(*int64)(p) = v
		case int64(int32(v)) != v:
			return fmt.Errorf("column %s is %d, which is out of range", c.Name, v)
		default:
			*(*int32)(p) = int32(v)
		}
	default:
		return c.mismatch(value)
	}
	if c.Nullable {
		*(*bool)(unsafe.Add(row.p, c.valid)) = value != nil
	}
	return nil
}

// setNull clears the value, for rows to be comparable with ==.
func (c *Column) setNull(p unsafe.Pointer) {
	switch {
	case c.Type == Text:
		*(*string)(p) = ""
	case c.Type == Bool:
		*(*bool)(p) = false
	case c.narrow:
		*(*int32)(p) = 0
	default:
		*(*int64)(p) = 0
	}
}

// setRun sets the run's id in the column that holds it.
func (c *Column) setRun(row Ref, run domain.RunID) {
	*(*domain.RunID)(unsafe.Add(row.p, c.offset)) = run
}

func (c *Column) mismatch(value any) error {
	return fmt.Errorf("column %s is %T where %s is expected", c.Name, value, c.Type)
}

// columnsOf returns the columns of a row type: its fields, in order, with those of embedded
// structs.
func columnsOf(row reflect.Type) (columns []Column, err error) {
	if row.Kind() != reflect.Struct {
		return nil, fmt.Errorf("a row is a struct, and %s is not", row)
	}
	for _, field := range reflect.VisibleFields(row) {
		switch {
		case !field.Anonymous:
		case field.Type.Kind() != reflect.Struct:
			return nil, fmt.Errorf("%s embeds %s; only structs can be embedded", row, field.Type)
		default: // its fields follow
			continue
		}
		column, columnErr := columnOf(row, field)
		columns, err = append(columns, column), errors.Join(err, columnErr)
	}
	return columns, err
}

func columnOf(row reflect.Type, field reflect.StructField) (Column, error) {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	c := Column{Name: name, Doc: field.Tag.Get("doc"), offset: offsetOf(row, field.Index)}
	if name == "" {
		return c, fmt.Errorf("field %s of %s has no json tag; the tag names the column", field.Name, row)
	}
	if !field.IsExported() {
		return c, fmt.Errorf("field %s of %s is not exported", field.Name, row)
	}
	of := field.Type
	if null, ok := nullable(of); ok {
		c.Nullable, c.valid = true, c.offset+null.Offset
		of = of.Field(0).Type
	}
	switch of.Kind() {
	case reflect.String:
		c.Type, c.run = Text, name == "run_id" && field.Type == reflect.TypeFor[domain.RunID]()
	case reflect.Int, reflect.Int32, reflect.Int64:
		c.Type, c.Bits, c.narrow = Int, of.Bits(), of.Bits() == 32
		if of.Kind() == reflect.Int {
			c.Bits = 64
		}
		c.Min = -1 << (c.Bits - 1)
	case reflect.Bool:
		c.Type = Bool
	default:
		return c, fmt.Errorf("column %s of %s is of type %s; a column is a string, an int, int32 or int64, a bool, or a Null of one of these", name, row, field.Type)
	}
	if least, ok := field.Tag.Lookup("min"); ok {
		n, err := strconv.ParseInt(least, 10, c.Bits)
		if err != nil || c.Type != Int {
			return c, fmt.Errorf("column %s of %s has the tag min:%q; min is an integer that the column can have", name, row, least)
		}
		c.Min = n
	}
	if listed, ok := reflect.Zero(of).Interface().(interface{ Values() []string }); ok {
		c.Values = listed.Values()
	}
	return c, nil
}

// nullable returns the field Valid of a Null type.
func nullable(t reflect.Type) (valid reflect.StructField, ok bool) {
	if t.Kind() != reflect.Struct || !strings.HasPrefix(t.Name(), "Null[") || t.PkgPath() != reflect.TypeFor[Null[int]]().PkgPath() {
		return valid, false
	}
	return t.FieldByName("Valid")
}

// offsetOf returns the offset of a field in a row, including fields of embedded structs.
func offsetOf(t reflect.Type, index []int) (offset uintptr) {
	for _, i := range index {
		f := t.Field(i)
		offset += f.Offset
		t = f.Type
	}
	return offset
}
