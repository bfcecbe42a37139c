package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// mermaid writes runs as one Gantt chart for Markdown (https://mermaid.js.org/syntax/gantt.html): a
// section for each run, if there are several, and a bar for each of the longest jobs, in the order
// of their starts. A job of unknown duration is a milestone.
type mermaid struct {
	out      io.Writer
	sections []string
	bars     []bar
	jobs     int // number of jobs read
}

// maxBars limits the jobs of a chart, and maxBarName the characters of the name of a job or run;
// mermaidText turns each into at most 7. So a chart stays below 50,000 characters, the limit of
// Mermaid.
const (
	maxBars    = 50
	maxBarName = 60
)

// bar is a job in the chart.
type bar struct {
	section  int
	index    int
	name     string
	verdict  display.Verdict
	startMs  int64
	duration projections.Null[int64]
}

func newMermaid(out io.Writer) document { return &mermaid{out: out} }

func (m *mermaid) add(run domain.RunID, stream projections.Stream, _ Options) (row projections.Run, err error) {
	var timing projections.RunTiming
	section := len(m.sections)
	fold := projections.NewFold(run,
		projections.Runs.Into(func(r *projections.Row[projections.Run]) { row = r.Value }),
		projections.RunTimings.Into(func(r *projections.Row[projections.RunTiming]) { timing = r.Value }),
		projections.Jobs.Into(func(r *projections.Row[projections.Job]) {
			end := r.Value.FinishedAtMs
			if !r.Final {
				end = timing.LastAtMs // the job was still running at this time
			}
			m.bar(section, r.Index, &r.Value, end)
		}))
	if err := fold.Drain(stream); err != nil {
		return projections.Run{}, err
	}
	fold.Open()
	before, behind := display.Around(string(run))
	m.sections = append(m.sections, before+barName(string(run))+behind+display.OfRun(&row).Word())
	return row, nil
}

// barName returns the name of a job or a run in a chart.
func barName(id string) string { return strings.Clone(cut(Printable(display.Name(id)), maxBarName)) }

// lastDate is the end of the year 9999, in milliseconds since the Unix epoch: Mermaid accepts no
// later dates.
const lastDate = 253_402_300_799_999

// bar keeps a job if it can be drawn and is one of the longest so far.
func (m *mermaid) bar(section, index int, job *projections.Job, end projections.Null[int64]) {
	m.jobs++
	b := bar{section: section, index: index, verdict: display.OfJob(job.State), startMs: job.StartedAtMs.V}
	switch {
	case job.StartedAtMs.Valid && end.Valid:
		b.duration = projections.Span(b.startMs, end.V)
	case end.Valid && job.FinishedAtMs.Valid:
		b.startMs = end.V
	case !job.StartedAtMs.Valid:
		return
	}
	if b.startMs < 0 || b.startMs > lastDate-b.duration.V {
		return
	}
	at, _ := slices.BinarySearchFunc(m.bars, b, longestFirst)
	if at == maxBars {
		return
	}
	b.name = barName(job.JobID)
	m.bars = slices.Insert(m.bars, at, b)
	m.bars = m.bars[:min(len(m.bars), maxBars)]
}

func longestFirst(a, b bar) int {
	length := func(b *bar) int64 {
		if !b.duration.Valid {
			return -1
		}
		return b.duration.V
	}
	return cmp.Or(cmp.Compare(length(&b), length(&a)), cmp.Compare(a.section, b.section), cmp.Compare(a.index, b.index))
}

func (m *mermaid) close(unread int) error {
	var chart strings.Builder
	chart.WriteString("gantt\n    title " + m.title(unread) + "\n    dateFormat x\n    axisFormat " + m.axis() + "\n")
	slices.SortFunc(m.bars, func(a, b bar) int {
		return cmp.Or(cmp.Compare(a.section, b.section), cmp.Compare(a.startMs, b.startMs), cmp.Compare(a.index, b.index))
	})
	section, names := -1, map[string]bool{}
	for _, b := range m.bars {
		if b.section != section && len(m.sections) > 1 {
			section = b.section
			name := m.sections[section]
			if names[name] { // Mermaid would take both for one section
				name = fmt.Sprintf("%s (%d)", name, section+1)
			}
			names[name] = true
			chart.WriteString("    section " + mermaidText(name) + "\n")
		}
		b.write(&chart)
	}
	_, err := io.WriteString(m.out, chart.String())
	return err
}

// axis returns the format of times on the axis: seconds and milliseconds in a short chart.
func (m *mermaid) axis() string {
	const short = 10_000
	first, last := int64(lastDate), int64(0)
	for _, b := range m.bars {
		first, last = min(first, b.startMs), max(last, b.startMs+b.duration.V)
	}
	if last-first < short {
		return "%S.%Ls"
	}
	return "%H:%M:%S"
}

func (m *mermaid) title(unread int) string {
	title := display.Plural(len(m.sections), "run")
	if len(m.sections) == 1 {
		title = mermaidText(m.sections[0])
	}
	if left := m.jobs - len(m.bars); left > 0 {
		title += fmt.Sprintf(", %d of %s", len(m.bars), display.Plural(m.jobs, "job"))
	}
	if unread > 0 {
		title += ", " + display.Plural(unread, "run") + " could not be read"
	}
	return title
}

// write writes a bar. The mark before the name keeps Mermaid from reading a name such as "section"
// as a keyword.
func (b *bar) write(chart *strings.Builder) {
	tag := map[display.Verdict]string{display.Failed: "crit, ", display.Unfinished: "active, ", display.Complete: "done, "}[b.verdict]
	if !b.duration.Valid {
		tag += "milestone, "
	}
	fmt.Fprintf(chart, "    %s %s:%s%d, %dms\n", b.verdict.Mark(), mermaidText(b.name), tag, b.startMs, b.duration.V)
}

// mermaidText escapes printable text so that Mermaid takes no character as syntax: it reads #58; as
// the character with that code. Mermaid itself turns these signs into ﬂ and
//
// before it parses the chart, so those are escaped, too.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(`:;#%<>&"'{}[]()ﬂ¶`+"`\\$~", r) {
			fmt.Fprintf(&b, "#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
