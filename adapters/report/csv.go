package report

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// writeCSV writes the rows of one projection as CSV (RFC 4180). The first column is the run's id;
// the others have the names of the members of the JSON rows. A null is an empty field, and an empty
// text is "".
func writeCSV(out io.Writer, run domain.RunID, stream projections.Stream, options Options) (projections.Run, error) {
	d := options.chosen()[0]
	var rows pieces // nothing is written until the stream has been read to its end
	if !options.noHeader {
		rows = pieces{appendHeader(nil, d)}
	}
	id := appendField(nil, string(run))
	write := newOrdered(d, func(row projections.Ref) {
		text := rows.last()
		line := append(*text, id...)
		for i := range d.Columns {
			line = appendValue(append(line, ','), &d.Columns[i], row)
		}
		*text = append(line, '\n')
	})
	sel := newSelector(options.Selection)
	row, err := fold(run, stream, sel, sel.member(d, true, write.take))
	if err != nil {
		return row, err
	}
	w := bufio.NewWriter(out)
	rows.write(w, 0)
	return row, w.Flush()
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

// appendField appends a text as a field. It quotes texts that a reader would misread; an unquoted
// empty one would be null.
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
