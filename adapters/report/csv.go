package report

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// csvSection returns the one section that a CSV report has. Of timings, which
// are four tables, the rows of the jobs are meant unless a part is named.
func csvSection(sections Selection) (Section, error) {
	if len(sections) == 1 {
		return sections[0], nil
	}
	if len(sections) == 4 && sections[0] == TimingsRun && sections[3] == TimingsSlowest {
		return TimingsJobs, nil
	}
	return "", ErrOneSection
}

// writeCSV writes the rows of one section as RFC 4180 has it. The first column
// is the run's id; the others are named like the members of the JSON rows. A
// value that is unknown is an empty field, and a text that is empty is "".
func writeCSV(out io.Writer, run domain.RunID, stream projections.Stream, options Options) (projections.Run, error) {
	section, err := csvSection(options.Sections)
	if err != nil {
		return projections.Run{}, err
	}
	// Nothing may be written before the stream is known to be readable.
	var text strings.Builder
	w := csvWriter{&text, run, !options.NoHeader}
	var row projections.Run
	fold := projections.NewFold(run, w.member(section),
		projections.Into(projections.Runs(), func(r *projections.Row[projections.Run]) { row = r.Value }))
	if err := fold.Drain(stream); err != nil {
		return projections.Run{}, err
	}
	fold.Open()
	_, err = io.WriteString(out, text.String())
	return row, err
}

type csvWriter struct {
	text   *strings.Builder
	run    domain.RunID
	header bool
}

func (w *csvWriter) member(section Section) projections.Member {
	switch section {
	case Run:
		return csvRows(w, projections.Runs())
	case Jobs:
		return csvRows(w, projections.Jobs())
	case ShEvents:
		return csvRows(w, projections.ShEvents())
	case TimingsRun:
		return csvRows(w, projections.RunTimings())
	case TimingsJobs:
		return csvRows(w, projections.JobTimings())
	case TimingsSh:
		return csvRows(w, projections.ShTimings())
	case TimingsSlowest:
		return csvRows(w, projections.Slowest())
	}
	return csvRows(w, projections.Diagnostics())
}

// csvRows writes the rows of p in the order of their index. The columns are
// those that the row's json tags name.
func csvRows[R comparable](w *csvWriter, p projections.Projection[R]) projections.Member {
	fields := reflect.VisibleFields(reflect.TypeFor[R]())
	first := 0
	if name := fields[0].Tag.Get("json"); name == "run_id" {
		first = 1
	}
	if w.header {
		w.text.WriteString("run_id")
		for _, field := range fields[first:] {
			w.text.WriteString("," + field.Tag.Get("json"))
		}
		w.text.WriteByte('\n')
	}
	rows := ordered[R]{emit: func(row *R) {
		value := reflect.ValueOf(row).Elem()
		w.field(string(w.run))
		for i := first; i < len(fields); i++ {
			w.text.WriteByte(',')
			if cell := value.Field(i).Interface(); !isNull(cell) {
				w.field(fmt.Sprint(cell))
			}
		}
		w.text.WriteByte('\n')
	}}
	return projections.Into(p, rows.take)
}

func isNull(value any) bool {
	n, ok := value.(interface{ IsNull() bool })
	return ok && n.IsNull()
}

// field writes a value that is known, quoted where a reader would take it for something
// else: an empty one for an unknown one.
func (w csvWriter) field(value string) {
	first, _ := utf8.DecodeRuneInString(value)
	if value != "" && value != `\.` && !unicode.IsSpace(first) && !strings.ContainsAny(value, "\",\r\n") {
		w.text.WriteString(value)
		return
	}
	w.text.WriteString(`"` + strings.ReplaceAll(value, `"`, `""`) + `"`)
}
