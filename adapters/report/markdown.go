package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/display"
)

// markdownCommand is how many characters of a command Markdown shows.
const markdownCommand = 500

// leastRow is the least length of a row of Markdown in bytes.
const leastRow = 32

// markdown is a run as Markdown: its heading, and tables with as many rows as fit. Text from a
// stream is escaped, so that it appears literally: not as markup, HTML or a mention.
type markdown struct {
	verdict display.Verdict
	heading string
	tables  []*markdownTable
	cut     bool // the tables are left out
	max     int  // limit of the tables in bytes
}

type markdownTable struct {
	one  string // the noun for a row
	head string
	rows []placed[string]
	left tally // rows that are left out
}

func newMarkdown(d *digest, options Options, most int) *markdown {
	m := &markdown{verdict: display.OfRun(&d.run), max: most}
	if options.showSummary() {
		id := string(d.run.RunID)
		before, behind := display.Around(id)
		m.heading = fmt.Sprintf("### %s %s%s%s%s\n\n%s\n", emoji(m.verdict),
			before, markdownText(shownID(display.Name(id))), behind, m.verdict.Word(), strings.Join(d.headline(), " · "))
		if labels := d.shownLabels(options); len(labels) > 0 {
			m.heading += "\n" + markdownText(strings.Join(labels, " · ")) + "\n"
		}
	}
	if options.showJobs() {
		m.add(d.jobView().markdown())
	}
	if options.showCommands() {
		m.add(d.commandView().markdown())
	}
	if d.showSlowest(options) {
		m.add(d.slowestView().markdown())
	}
	if d.showDiagnostics(options) {
		m.add(d.diagnosticView().markdown())
	}
	for _, l := range d.listings {
		m.add(l.view().markdown())
	}
	return m
}

// newTable begins a table. Columns whose title ends with a colon are aligned to the right.
func newTable(one string, columns ...string) *markdownTable {
	rule := make([]string, len(columns))
	for i, column := range columns {
		rule[i] = "---"
		if strings.HasSuffix(column, ":") {
			rule[i] = "---:"
			columns[i] = strings.TrimSuffix(column, ":")
		}
	}
	return &markdownTable{one: one, head: "\n| " + strings.Join(columns, " | ") + " |\n| " + strings.Join(rule, " | ") + " |\n"}
}

func (t *markdownTable) row(index int, verdict display.Verdict, cells ...string) {
	t.rows = append(t.rows, placed[string]{index, verdict, "| " + strings.Join(cells, " | ") + " |\n"})
}

// add adds a table, unless it has no rows. It keeps the rows that may fit.
func (m *markdown) add(t *markdownTable) {
	if len(t.rows)+t.left.sum() == 0 {
		return
	}
	m.tables = append(m.tables, t)
	if t.size() <= m.max {
		return
	}
	t.byUrgency()
	n := fitting(t.rows, m.max)
	for _, r := range t.rows[n:] {
		t.left[r.verdict]++
	}
	t.rows = slices.Clone(t.rows[:n])
}

// byUrgency sorts the rows, failed ones first.
func (t *markdownTable) byUrgency() {
	slices.SortStableFunc(t.rows, func(a, b placed[string]) int { return cmp.Compare(a.verdict, b.verdict) })
}

// fitting returns how many rows, from the first on, fit into room bytes.
func fitting(rows []placed[string], room int) int {
	for i, r := range rows {
		if room -= len(r.row); room < 0 {
			return i
		}
	}
	return len(rows)
}

// size returns the length of the table in bytes, including the note about rows that are left out.
func (t *markdownTable) size() int {
	size := len(t.head) + noteSize
	for _, r := range t.rows {
		size += len(r.row)
	}
	return size
}

// size returns the length of the whole text in bytes.
func (m *markdown) size() int {
	size := len(m.heading)
	for _, t := range m.tables {
		size += t.size()
	}
	return size
}

// noteSize is an upper bound for the note about rows that are left out.
const noteSize = 100

// write writes the heading, and the tables in at most room bytes. If not all rows fit, failed ones
// are kept first.
func (m *markdown) write(out *strings.Builder, place, room int) {
	if place > 0 {
		out.WriteByte('\n')
	}
	out.WriteString(m.heading)
	for i, n := range m.fit(room) {
		m.tables[i].write(out, n)
	}
}

// fit returns how many rows of each table fit.
func (m *markdown) fit(room int) []int {
	fits := make([]int, len(m.tables))
	whole := m.size()-len(m.heading) <= room
	for i, t := range m.tables {
		if whole {
			fits[i] = len(t.rows)
		}
		if !whole || t.left.sum() > 0 {
			t.byUrgency()
		}
		room -= len(t.head) + noteSize
	}
	for verdict := range display.Complete + 1 {
		for i, t := range m.tables {
			for fits[i] < len(t.rows) && t.rows[fits[i]].verdict == verdict && len(t.rows[fits[i]].row) <= room {
				room -= len(t.rows[fits[i]].row)
				fits[i]++
			}
		}
	}
	return fits
}

// write writes the first n rows, and a note about those that are left out.
func (t *markdownTable) write(out *strings.Builder, n int) {
	left := t.left
	if n > 0 {
		out.WriteString(t.head)
	}
	for i := range t.rows {
		if i < n {
			out.WriteString(t.rows[i].row)
		} else {
			left[t.rows[i].verdict]++
		}
	}
	if left.sum() > 0 {
		out.WriteString("\n*" + strings.Join(left.leftOut(t.one), " · ") + "*\n")
	}
}

func emoji(v display.Verdict) string {
	return [...]string{"❌", "⏳", "🟡", "", "✅"}[v]
}

// emphasis returns the word for a verdict, in bold unless it is complete.
func emphasis(v display.Verdict) string {
	if v == display.Complete {
		return v.Word()
	}
	return "**" + v.Word() + "**"
}

// markdownText escapes text so that it appears literally. Characters with a meaning in Markdown, in
// HTML or for a host (mentions, references, links, formulas) become character references: in a cell
// of a table, a backslash is not enough.
func markdownText(s string) string {
	var b strings.Builder
	for _, r := range Printable(s) {
		if strings.ContainsRune("\\`*_[]<>#|&~@:$", r) {
			fmt.Fprintf(&b, "&#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	return strings.ReplaceAll(b.String(), "www.", "www&#46;") // hosts would make links of it
}

// markdownCode formats text as code.
func markdownCode(s string) string { return "<code>" + markdownText(s) + "</code>" }
