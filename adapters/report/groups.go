package report

import (
	"fmt"
	"io"
	"slices"

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
	return writeAs(out, format, columns, groupsSchema, g, func() *paper {
		table := &view{one: "command", most: maxCell, code: maxCell, columns: []Column{
			{Title: "job", Share: 1, Drop: 8}, {Title: "command", Share: 2, Code: true}, {Title: "A", Right: true, Drop: 5}, {Title: "95 %", Right: true, Drop: 1},
			{Title: "B", Right: true, Drop: 6}, {Title: "95 %", Right: true, Drop: 2}, {Title: "change", Right: true}, {Title: "95 %", Right: true, Drop: 3},
			{Title: "p", Right: true, Drop: 4}, {Title: "verdict", Drop: 7},
		}}
		for _, row := range GroupRows(g) {
			table.texts(row...)
		}
		table.rows[0].row[1].raw = "the whole run" // which is no code
		return &paper{title: "Two groups of runs", tables: []*view{table}, remarks: slices.Concat(GroupRemarks(g))}
	})
}

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
