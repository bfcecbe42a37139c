package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/compare"
)

// groupsSchema is the first member of the JSON document. It changes when a change of the document
// would break its readers.
const groupsSchema = "quire-project/compare-groups/v1"

// WriteGroups writes a comparison of groups as JSON, as a table for a terminal with that many
// columns, or as Markdown that fits into a comment.
func WriteGroups(out io.Writer, format Format, columns int, g *compare.Groups) error {
	return writeAs(out, format, groupsDocument{groupsSchema, g}, func() string { return groupsMarkdown(g) }, func() string { return groupsTable(columns, g) })
}

type groupsDocument struct {
	Schema string `json:"schema"`
	*compare.Groups
}

// groupTitles are the titles of the columns. Numbers end with a colon.
var groupTitles = []string{"job", "command", "A:", "95 %:", "B:", "95 %:", "change:", "95 %:", "p:", "verdict"}

// GroupRows returns rows for the durations of the runs and of the commands: the job, the command,
// for each group the median and its interval, the change and its interval, p, and the verdict.
func GroupRows(g *compare.Groups) [][]string {
	rows := [][]string{groupRow("", "the whole run", &g.Wall)}
	for i := range g.Commands {
		c := &g.Commands[i]
		cmd := c.Cmd
		if c.Nth > 1 {
			cmd = fmt.Sprintf("%s (%d)", cmd, c.Nth)
		}
		rows = append(rows, groupRow(c.JobID, cmd, &c.Shift))
	}
	return rows
}

func groupRow(job, cmd string, s *compare.Shift) []string {
	row := []string{job, cmd}
	for _, of := range []*compare.Sample{s.A, s.B} {
		if of == nil {
			row = append(row, "", "")
		} else {
			row = append(row, display.Duration(of.Median.Ms), interval(&of.Median, display.Duration))
		}
	}
	between := ""
	if s.Shift != nil {
		between = interval(s.Shift, Signed)
	}
	verdict := ""
	switch {
	case s.A == nil && s.B != nil:
		verdict = "only in B"
	case s.B == nil && s.A != nil:
		verdict = "only in A"
	case s.Verdict != compare.None:
		verdict = string(s.Verdict)
	}
	change := ""
	if s.A != nil || s.B != nil {
		change = Signed(s.Explains())
	}
	return append(row, change, between, chance(s.Corrected), verdict)
}

func interval(of *compare.Interval, show func(int64) string) string {
	if !of.Low.Valid {
		return ""
	}
	return show(of.Low.V) + " – " + show(of.High.V)
}

func chance(p projections.Null[float64]) string {
	switch {
	case !p.Valid:
		return ""
	case p.V < 0.001:
		return "<0.001"
	}
	return fmt.Sprintf("%.3f", p.V)
}

// GroupRemarks returns which runs the groups have, how many runs verdicts are based on, and which
// runs are left out.
func GroupRemarks(g *compare.Groups) (all, left []string) {
	for _, of := range []struct {
		name string
		*compare.Group
	}{{"A", g.A}, {"B", g.B}} {
		all = append(all, fmt.Sprintf("%s: %s (%s)", of.name, display.Plural(of.Runs, "run"), of.Conditions))
	}
	if g.A.Runs < compare.LeastRuns || g.B.Runs < compare.LeastRuns {
		all = append(all, fmt.Sprintf("no verdicts, which need %d runs in each group", compare.LeastRuns))
	} else if g.Tested > 0 {
		all = append(all, "p is corrected for "+display.Plural(g.Tested, "test"))
	}
	return append(all, g.Notes...), leftOut(slices.Concat(g.A.LeftOut, g.B.LeftOut))
}

func groupsTable(columns int, g *compare.Groups) string {
	var b strings.Builder
	line := fitted(&b, columns)
	grid := &Grid{}
	for i, title := range groupTitles {
		column := Column{Title: strings.TrimSuffix(title, ":"), Right: strings.HasSuffix(title, ":")}
		switch {
		case i == 0:
			column.Share, column.Drop = 1, 8
		case i == 1:
			column.Share = 2
		case i != 6: // the change is never left out
			column.Drop = []int{0, 0, 5, 1, 6, 2, 0, 3, 4, 7}[i]
		}
		grid.Columns = append(grid.Columns, column)
	}
	rows := GroupRows(g)
	for _, row := range rows[:min(len(rows), compareRows)] {
		grid.add(cmp.Or(columns, maxCell), row...)
	}
	_ = grid.Write(&b, columns) // a strings.Builder never fails
	if left := len(rows) - compareRows; left > 0 {
		line(fmt.Sprintf("… and %d more", left))
	}
	b.WriteString("\n")
	for _, text := range slices.Concat(GroupRemarks(g)) {
		line(text)
	}
	return b.String()
}

func groupsMarkdown(g *compare.Groups) string {
	var b strings.Builder
	b.WriteString("### Two groups of runs\n")
	table := newTable("command", groupTitles...)
	for i, row := range GroupRows(g) {
		row[0] = markdownID(row[0])
		if i > 0 {
			row[1] = markdownCode(cut(row[1], maxCell))
		}
		table.row(i, display.Complete, row...)
	}
	end := "\n"
	for _, text := range slices.Concat(GroupRemarks(g)) {
		end += "- " + markdownText(cut(text, 2*maxCell)) + "\n"
	}
	table.write(&b, fitting(table.rows, MaxMarkdown-b.Len()-len(end)-len(table.head)-noteSize))
	return b.String() + end
}
