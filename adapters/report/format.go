package report

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/adapters/runlog"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Format is how a report is written.
type Format string

// The formats.
const (
	// JSON is one document for each run, see docs/schema/document.json.
	JSON Format = "json"
	// NDJSON has one row per line, written as soon as the row is final.
	NDJSON Format = "ndjson"
	// CSV has the rows of one projection, with a header.
	CSV Format = "csv"
	// Table is for people at a terminal.
	Table Format = "table"
	// Markdown is for a pull request.
	Markdown Format = "markdown"
	// Trace is Chrome's JSON trace format, for Perfetto.
	Trace Format = "trace"
	// JUnit is XML as Jenkins, GitLab and Buildkite read it.
	JUnit Format = "junit"
	// GitHub is for a step of GitHub Actions.
	GitHub Format = "github"
	// Mermaid is a Gantt chart for Markdown.
	Mermaid Format = "mermaid"
)

// Takes is a set of options that a format supports.
type Takes uint8

// The options: which rows and which projections, logs, indentation, the texts of commands, an
// output file, and whether to keep streams.
const (
	TakesRows Takes = 1 << iota
	TakesProjections
	TakesLogs
	TakesPretty
	TakesCommands
	TakesFile
	TakesStreams // to keep streams
)

// Kind describes a format. Other packages declare the kinds of the formats that they write, see
// [Document].
type Kind struct {
	Name  Format
	Takes Takes
	// Raw means that text from the stream is written unchanged, including control characters.
	Raw bool

	// each writes the report of one run; the reports of several runs follow each other.
	each func(io.Writer, domain.RunID, projections.Stream, Options) (projections.Run, error)
	// whole begins a document of any number of runs.
	whole func(io.Writer) document
}

// kinds are in the order of help texts.
var kinds = []Kind{
	{Name: JSON, Raw: true, Takes: TakesFile | TakesRows | TakesProjections | TakesPretty, each: writeJSON},
	{Name: NDJSON, Raw: true, Takes: TakesFile | TakesRows | TakesProjections, each: writeNDJSON},
	{Name: CSV, Raw: true, Takes: TakesFile | TakesRows | TakesProjections, each: writeCSV},
	{Name: Table, Takes: TakesFile | TakesRows | TakesProjections | TakesLogs, each: writeTable},
	{Name: Markdown, Takes: TakesFile | TakesRows | TakesProjections, whole: newComment},
	{Name: Trace, Raw: true, Takes: TakesFile, whole: newTrace},
	{Name: JUnit, Takes: TakesFile | TakesLogs, whole: newJUnit},
	{Name: GitHub, Takes: TakesFile | TakesProjections | TakesLogs, whole: newGitHub},
	{Name: Mermaid, Takes: TakesFile, whole: newMermaid},
}

// kind returns the description of the format.
func (f Format) kind() (Kind, error) {
	var names []string
	for _, k := range kinds {
		if k.Name == f {
			return k, nil
		}
		names = append(names, string(k.Name))
	}
	last := len(names) - 1
	return Kind{}, fmt.Errorf("no format is called %q; there are %s and %s", string(f), strings.Join(names[:last], ", "), names[last])
}

// Kinds returns all formats of this package, in the order of help texts.
func Kinds() []Kind { return slices.Clone(kinds) }

// ParseFormat parses the name of a format.
func ParseFormat(name string) (Format, error) {
	k, err := Format(name).kind()
	return k.Name, err
}

// Options are the options of a report; the zero value has the defaults.
type Options struct {
	// Projections selects and orders the projections in the report; nil means all built-in ones.
	// CSV takes exactly one.
	Projections []*projections.Definition
	// Selection selects rows.
	Selection Selection
	// Pretty indents JSON.
	Pretty bool
	// Live writes NDJSON rows whenever the stream pauses, even if there are few: for growing
	// streams.
	Live bool
	// Color makes tables coloured.
	Color bool
	// Width is the width of the terminal in columns; 0 means no limit.
	Width int
	// Logs, if set, has the logs of the run. Tables name the logs of failed commands, and GitHub
	// and JUnit show the ends of these.
	Logs *runlog.Dir

	noHeader bool // the CSV of another run is above
	several  bool // there are several runs
}

// chosen returns the projections in the report.
func (o *Options) chosen() []*projections.Definition {
	if o.Projections == nil {
		return projections.Builtin.Reported()
	}
	return o.Projections
}

// has reports whether any of some projections is in the report.
func (o *Options) has(some ...*projections.Definition) bool {
	return slices.ContainsFunc(o.chosen(), func(d *projections.Definition) bool { return slices.Contains(some, d) })
}

// Listed returns the projections for a report for which the user named some. For a name with
// several parts, CSV takes the first part with a list of rows: of timings, those of the jobs, which
// suit a spreadsheet best.
func (f Format) Listed(chosen []*projections.Definition, names []string) []*projections.Definition {
	at := slices.IndexFunc(chosen, func(d *projections.Definition) bool { return !d.Single })
	if f != CSV || len(names) != 1 || at < 0 {
		return chosen
	}
	return chosen[at : at+1]
}

// ErrOneProjection is returned if CSV is asked for none or for several projections.
var ErrOneProjection = errors.New("csv takes exactly one projection, such as --projection jobs; of timings, one part, such as timings.sh_events")

// Check returns an error if the format does not support the options.
func (k Kind) Check(options Options) error {
	switch {
	case k.Takes&TakesRows == 0 && !options.Selection.IsZero():
		return ErrSelection
	case k.Name == CSV && len(options.chosen()) != 1:
		return ErrOneProjection
	case k.Name == GitHub && os.Getenv(stepSummary) == "":
		return ErrNoStep
	}
	return nil
}

// Write folds the stream of a run, writes its report to out, and returns the row of the run.
//
// If the stream cannot be read to its end, Write returns the error. Then JSON, CSV, tables,
// Markdown and Mermaid have written nothing; other formats may have written a part.
func Write(out io.Writer, format Format, run domain.RunID, stream projections.Stream, options Options) (projections.Run, error) {
	w, err := NewWriter(out, format)
	if err != nil {
		return projections.Run{}, err
	}
	row, err := w.Add(run, stream, options)
	if err != nil {
		return projections.Run{}, err
	}
	return row, w.Close()
}
