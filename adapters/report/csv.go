package report

import (
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// writeCSV writes the rows of one projection as RFC 4180 has it. The first column
// is the run's id; the others are named like the members of the JSON rows. A
// value that is unknown is an empty field, and a text that is empty is "".
func writeCSV(out io.Writer, run domain.RunID, stream projections.Stream, options Options) (projections.Run, error) {
	d := options.chosen()[0]
	var rows chunks // nothing may be written before the stream is known to be readable
	if !options.NoHeader {
		rows.last = appendHeader(rows.last, d)
	}
	id := appendField(nil, string(run))
	write := newOrdered(d, func(row projections.Ref) {
		line := append(rows.last, id...)
		for i := range d.Columns {
			line = appendValue(append(line, ','), &d.Columns[i], row)
		}
		rows.end(append(line, '\n'))
	})
	f := newFold(run)
	f.add(d.Member(f.watch(d, write.take)))
	if err := f.drain(stream); err != nil {
		return projections.Run{}, err
	}
	w := &pieces{out: out}
	w.chunks(&rows, 0)
	return f.row, w.flush()
}

func appendHeader(dst []byte, d *projections.Definition) []byte {
	dst = append(dst, "run_id"...)
	for i := range d.Columns {
		dst = append(append(dst, ','), d.Columns[i].Name...)
	}
	return append(dst, '\n')
}

func appendValue(dst []byte, c *projections.Column, row projections.Ref) []byte {
	switch {
	case c.IsNull(row):
		return dst
	case c.Type == projections.Text:
		return appendField(dst, c.Text(row))
	case c.Type == projections.Int:
		return strconv.AppendInt(dst, c.Int(row), 10)
	}
	return strconv.AppendBool(dst, c.Bool(row))
}

// appendField appends a text, quoted where a reader would take it for something
// else: an empty one for an unknown one.
func appendField(dst []byte, s string) []byte {
	first, _ := utf8.DecodeRuneInString(s)
	if s != "" && s != `\.` && !unicode.IsSpace(first) && !strings.ContainsAny(s, "\",\r\n") {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for before, rest, more := strings.Cut(s, `"`); ; before, rest, more = strings.Cut(rest, `"`) {
		dst = append(dst, before...)
		if !more {
			return append(dst, '"')
		}
		dst = append(dst, `""`...)
	}
}
