package report

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Format is how a report is written.
type Format string

// The formats.
const (
	// JSON is one document for each run, see docs/schema/document.json.
	JSON Format = "json"
	// NDJSON is one row a line, written as soon as the row is final.
	NDJSON Format = "ndjson"
	// CSV is the rows of one projection, with a header.
	CSV Format = "csv"
	// Table is for people at a terminal.
	Table Format = "table"
	// Markdown is for a pull request.
	Markdown Format = "markdown"
)

// Formats are all formats, in the order of help texts.
var Formats = []Format{JSON, NDJSON, CSV, Table, Markdown}

// ParseFormat reads the name of a format.
func ParseFormat(name string) (Format, error) {
	for _, format := range Formats {
		if string(format) == name {
			return format, nil
		}
	}
	return "", fmt.Errorf("no format is called %q; there are json, ndjson, csv, table and markdown", name)
}

// ForMachines reports whether the format is for programs. Text from the stream is
// unchanged in it, control characters included.
func (f Format) ForMachines() bool { return f == JSON || f == NDJSON || f == CSV }

// Options are those of a report; the zero value has the defaults.
type Options struct {
	// Projections are those in the report, in this order; nil means all built-in ones.
	// CSV takes exactly one.
	Projections []*projections.Definition
	// Pretty indents JSON.
	Pretty bool
	// Live writes NDJSON rows whenever the stream pauses, even if there are few: for
	// streams that are still being written.
	Live bool
	// NoHeader leaves out the header line of CSV.
	NoHeader bool
	// Color makes tables coloured.
	Color bool
	// Width is the width of the terminal in columns; 0 means no limit.
	Width int
}

// chosen returns the projections in the report.
func (o *Options) chosen() []*projections.Definition {
	if o.Projections == nil {
		return projections.Builtin.Reported()
	}
	return o.Projections
}

// has reports whether one of some projections is in the report.
func (o *Options) has(some ...*projections.Definition) bool {
	return slices.ContainsFunc(o.chosen(), func(d *projections.Definition) bool { return slices.Contains(some, d) })
}

// ErrOneProjection is returned if CSV is asked for a number of projections other than one.
var ErrOneProjection = errors.New("csv takes exactly one projection, such as --projection jobs; of timings, one part, such as timings.sh_events")

// Check returns an error if the format does not allow the options.
func (f Format) Check(options Options) error {
	if _, err := ParseFormat(string(f)); err != nil {
		return err
	}
	if f == CSV && len(options.chosen()) != 1 {
		return ErrOneProjection
	}
	return nil
}

// Write folds the stream of the run with the id run, writes its report to out, and
// returns the row of the run itself.
//
// If the stream cannot be read to its end, Write returns the error, and JSON, CSV, tables
// and Markdown have written nothing. NDJSON may have written rows by then.
func Write(out io.Writer, format Format, run domain.RunID, stream projections.Stream, options Options) (projections.Run, error) {
	if err := format.Check(options); err != nil {
		return projections.Run{}, err
	}
	switch format {
	case NDJSON:
		return writeNDJSON(out, run, stream, options)
	case CSV:
		return writeCSV(out, run, stream, options)
	case Table:
		return writeTable(out, run, stream, options)
	case Markdown:
		return writeMarkdown(out, run, stream, options)
	}
	return writeJSON(out, run, stream, options)
}
