package report

import (
	"slices"
	"strconv"

	"github.com/quire-ci/quire-project/adapters/internal/jsonenc"
	"github.com/quire-ci/quire-project/projections"
)

// encoder writes rows of one projection, as JSON objects or as lines of CSV.
type encoder struct {
	between int    // how many bytes separate rows: the first row begins with them too
	begin   string // what is the same in all rows, if there is anything
	columns []encoded
	null    string
	text    func([]byte, string) []byte
	end     byte
}

// encoded is a column with the text before its value, such as `,"job_id":`.
type encoded struct {
	projections.Column
	before [maxBefore]byte
	length int // of the text in before
}

// maxBefore is the longest text before a value: a name of 40 bytes with quotes and punctuation.
// Copying a constant length is faster than copying the exact one.
const maxBefore = 48

// newEncoder returns an encoder that writes sign before each row, and members at the start of the
// row.
func newEncoder(d *projections.Definition, sign, members string) *encoder {
	e := &encoder{between: len(sign), null: "null", text: jsonenc.AppendString, end: '}'}
	before := sign + "{"
	if members != "" {
		e.begin, before = before+members, ","
	}
	for _, c := range d.Columns {
		e.column(c, before+`"`+c.Name+`":`)
		before = ","
	}
	return e
}

func (e *encoder) column(c projections.Column, before string) {
	column := encoded{Column: c}
	column.length = copy(column.before[:], before)
	e.columns = append(e.columns, column)
}

// append appends a row.
func (e *encoder) append(dst []byte, row projections.Ref) []byte {
	if e.begin != "" {
		dst = append(dst, e.begin...)
	}
	for i := range e.columns {
		c := &e.columns[i]
		dst = c.appendBefore(dst)
		switch {
		case c.IsNull(row):
			dst = append(dst, e.null...)
		case c.Type == projections.Int:
			dst = jsonenc.AppendInt(dst, c.Int(row))
		case c.Type == projections.Text:
			dst = e.text(dst, c.Text(row))
		default:
			dst = strconv.AppendBool(dst, c.Bool(row))
		}
	}
	return append(dst, e.end)
}

// appendBefore appends the text before a value.
func (c *encoded) appendBefore(dst []byte) []byte {
	n := len(dst)
	if cap(dst)-n < maxBefore {
		dst = slices.Grow(dst, maxBefore)
	}
	*(*[maxBefore]byte)(dst[n : n+maxBefore]) = c.before
	return dst[:n+c.length]
}

// runIDMember returns the run's id as a member of a JSON object.
func runIDMember(run string) string {
	return string(jsonenc.AppendString([]byte(`"run_id":`), run))
}
