package cli

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/projections"
)

func newProjections(p *app) *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "projections [--to FORMAT]",
		Short: "List the projections that this program has",
		Long: `List the projections that this program has: their names, versions and columns, and
whether they are built in or were added. A * marks the columns that identify a row
within its run. A version rises when the same stream gives other rows than before.

docs/schema/projections.json describes the JSON.

Exit status: 0 done; 2 wrong usage.`,
		Example: `  quire-project projections
  quire-project projections --to json`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			return p.listProjections(to)
		},
	}
	cmd.Flags().StringVar(&to, "to", string(report.Table), "how to print them: table or json")
	_ = cmd.RegisterFlagCompletionFunc("to", cobra.FixedCompletions(listFormats, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

var listFormats = []string{string(report.Table), string(report.JSON)}

func (p *app) listProjections(to string) error {
	out := output{p.out}
	switch to {
	case string(report.JSON):
		_, err := out.Write(append(compact(projectionsDocument{projectionsSchema, p.listed()}), '\n'))
		return err
	case string(report.Table):
		return p.projectionsTable(out)
	}
	return usageError(fmt.Errorf("--to is table or json, not %q%s", to, didYouMean(to, listFormats)))
}

// projectionsSchema is the first member of the document of projections. It changes when a
// reader of the document would have to.
const projectionsSchema = "quire-project/projections/v1"

type projectionsDocument struct {
	Schema      string             `json:"schema"`
	Projections []listedProjection `json:"projections"`
}

type listedProjection struct {
	Name    string         `json:"name"`
	Version int            `json:"version"`
	Origin  string         `json:"origin"`
	Doc     string         `json:"doc"`
	Columns []listedColumn `json:"columns"`
}

type listedColumn struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Bits     int      `json:"bits,omitempty"`
	Nullable bool     `json:"nullable"`
	Key      bool     `json:"key"`
	Values   []string `json:"values,omitempty"`
	Doc      string   `json:"doc"`
}

func (p *app) listed() (all []listedProjection) {
	for _, d := range p.set.Reported() {
		of := listedProjection{Name: d.Name, Version: d.Version, Origin: "built-in", Doc: d.Doc}
		if !slices.Contains(projections.Builtin.All(), d) {
			of.Origin = "added"
		}
		for _, c := range d.Columns {
			of.Columns = append(of.Columns, listedColumn{c.Name, c.Type.String(), c.Bits, c.Nullable, c.Key, c.Values, c.Doc})
		}
		all = append(all, of)
	}
	return all
}

func (p *app) projectionsTable(out io.Writer) error {
	columns := 0
	if screen := terminal(p.out); screen != nil {
		columns = width(screen)
	}
	g := &report.Grid{Columns: []report.Column{
		{Title: "name", Share: 1}, {Title: "version", Right: true, Drop: 2}, {Title: "origin", Drop: 1}, {Title: "columns"},
	}}
	if columns > 0 {
		g.Columns[3].Share = 3
	}
	for _, of := range p.listed() {
		var names []string
		for _, c := range of.Columns {
			if c.Key {
				c.Name += "*"
			}
			names = append(names, c.Name)
		}
		g.Rows = append(g.Rows, []report.Cell{
			report.NewCell(of.Name, cmp.Or(columns, maxColumn)), report.NewCell(strconv.Itoa(of.Version), maxColumn),
			report.NewCell(of.Origin, maxColumn), report.NewCell(strings.Join(names, ", "), cmp.Or(columns, 1<<20)),
		})
	}
	return g.Write(out, columns)
}
