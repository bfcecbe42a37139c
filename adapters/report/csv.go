package report

import (
	"bufio"
	"io"
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
	row, parts, err := foldDocument(run, stream, options)
	if err != nil {
		return row, err
	}
	w, rows := bufio.NewWriterSize(out, blockSize), parts[0].rows
	encoder, header := &encoder{begin: string(appendField(nil, string(run))), text: appendField, end: '\n'}, "run_id"
	for _, c := range rows.of.Columns {
		encoder.column(c, ",")
		header += "," + c.Name
	}
	if !options.noHeader {
		_, _ = w.WriteString(header + "\n")
	}
	_ = rows.write(w, encoder) // Flush returns the error
	return row, w.Flush()
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
