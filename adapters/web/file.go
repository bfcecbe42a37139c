package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"time"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// maxFile limits the size of a page in one file, in bytes.
const maxFile = 10 << 20

// mostRows is how many commands, or jobs, the first attempt includes. More do not fit into a file.
const mostRows = 50_000

// Format is the name of the format that a [File] writes, and Kind describes the format.
const Format = "html"

var Kind = report.Kind{Name: Format, Takes: report.TakesFile | report.TakesLogs}

// File writes the page of a run as a single HTML file of at most 10 MB, which needs neither server,
// network nor script. If the page would be larger, File keeps the failed commands, leaves out
// others and says so. File is a [report.Document].
type File struct {
	out     io.Writer
	set     *projections.Set
	written bool
}

// NewFile returns a File that writes to out, with the rows of a set of projections.
func NewFile(out io.Writer, set *projections.Set) *File { return &File{out: out, set: set} }

// ErrOneRun is returned by [File.Add] for a second run.
var ErrOneRun = errors.New("--to html is the page of one run; name one, or use serve for many")

// Add folds the stream of a run, writes its page, and returns the row of the run. If the stream
// cannot be read to its end, Add writes nothing.
func (f *File) Add(run domain.RunID, stream projections.Stream, options report.Options) (projections.Run, error) {
	if f.written {
		return projections.Run{}, ErrOneRun
	}
	r := newRows(run)
	var members []projections.Member
	for _, d := range f.set.Reported() {
		members = append(members, d.Member(func(row projections.AnyRow) { r.take(d, row) }))
	}
	fold := projections.NewFold(run, members...)
	if err := fold.Drain(stream); err != nil {
		return r.Run, err
	}
	fold.Open()
	var text bytes.Buffer
	l := pageLimits
	l.commands, l.jobs = min(len(r.ShEvents), mostRows), min(len(r.Jobs), mostRows)
	for ; ; l = l.smaller() {
		p := newPage(f.set, r, l, time.Time{})
		if options.Logs != nil {
			addLogEnds(p, r, options.Logs)
		}
		text.Reset()
		if err := filePage(&text, p); err != nil {
			return r.Run, err
		}
		if text.Len() <= maxFile {
			break
		}
	}
	f.written = true
	_, err := report.Output{Writer: f.out}.Write(text.Bytes())
	return r.Run, err
}

// Close does nothing; Add has written the page.
func (f *File) Close() error { return nil }

// smaller returns limits for a page of about half the size. Any page fits into a file after enough
// calls.
func (l limits) smaller() limits {
	return limits{commands: l.commands / 2, jobs: max(l.jobs/2, 100), text: max(l.text/2, 200), failed: max(l.failed/2, 1), rows: l.rows / 2}
}

func filePage(to io.Writer, p *page) error {
	p.Events = "" // a file cannot fetch events
	style, err := files.ReadFile("dist/style.css")
	if err != nil {
		return err
	}
	script, err := files.ReadFile("dist/app.js")
	if err != nil {
		return err
	}
	return templates.ExecuteTemplate(to, "file", struct {
		Policy string
		Style  template.CSS
		Script template.JS
		Page   *page
	}{
		fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; img-src data:; base-uri 'none'; form-action 'none'", sourceOf(style), sourceOf(script)),
		template.CSS(style), template.JS(script), p,
	})
}

// sourceOf returns the source expression that allows an inline text in a content security policy:
// its SHA-256.
func sourceOf(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
