package report

import (
	"slices"
	"strconv"

	"github.com/quire-ci/quire-project/adapters/internal/jsonenc"
	"github.com/quire-ci/quire-project/projections"
)

// encoder writes rows of one projection as JSON objects.
type encoder struct {
	begin   string // how each row begins, if that is much: with what is the same in all of them
	columns []encoded
}

// encoded is a column, and what comes before its value, such as `,"job_id":`.
type encoded struct {
	projections.Column
	before [maxBefore]byte
	length int // of before
}

// maxBefore is as much as comes before a value: a name of 40 bytes, quotes and signs. So
// many bytes are copied at once, which takes less time than to copy as many as there are.
const maxBefore = 48

// newEncoder returns an encoder of rows before which there is a sign, and that begin with
// the given members.
func newEncoder(d *projections.Definition, sign, members string) *encoder {
	e := &encoder{}
	before := sign + "{"
	if members != "" {
		e.begin, before = before+members, ","
	}
	for _, c := range d.Columns {
		column := encoded{Column: c}
		column.length = copy(column.before[:], before+`"`+c.Name+`":`)
		e.columns = append(e.columns, column)
		before = ","
	}
	return e
}

// append appends a row.
func (e *encoder) append(dst []byte, row projections.Ref) []byte {
	if e.begin != "" {
		dst = append(dst, e.begin...)
	}
	for i := range e.columns {
		c := &e.columns[i]
		n := len(dst)
		if cap(dst)-n < maxBefore {
			dst = slices.Grow(dst, maxBefore)
		}
		*(*[maxBefore]byte)(dst[n : n+maxBefore]) = c.before
		dst = dst[:n+c.length]
		switch {
		case c.IsNull(row):
			dst = append(dst, "null"...)
		case c.Type == projections.Int:
			dst = jsonenc.AppendInt(dst, c.Int(row))
		case c.Type == projections.Text:
			dst = jsonenc.AppendString(dst, c.Text(row))
		default:
			dst = strconv.AppendBool(dst, c.Bool(row))
		}
	}
	return append(dst, '}')
}

// runIDMember is the run's id as a member of a JSON object.
func runIDMember(run string) string {
	return string(jsonenc.AppendString([]byte(`"run_id":`), run))
}
