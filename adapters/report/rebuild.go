package report

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// Rebuilding says what a rebuild does with rows of other versions.
type Rebuilding struct {
	store.Options
	// Compare derives rows beside the live ones, and writes the differences to Out, in Format, for
	// a terminal with Width columns; 0 means no limit. It does not switch to the new rows.
	Compare bool
	Out     io.Writer
	Format  Format
	Width   int
	// Switch switches to the rows that a comparison has derived; Rollback returns to the previous
	// rows, which were kept.
	Switch, Rollback bool
	// Own are the streams that the store keeps, in addition to the named ones; nil if it keeps
	// none. Rows beside the live ones are first derived from these, as far as the store keeps them;
	// the other streams follow.
	Own store.Sources
}

// Conflicts reports whether several exclusive options are set.
func (o *Rebuilding) Conflicts() bool {
	n := 0
	for _, wanted := range []bool{o.Compare, o.Switch, o.Rollback, o.DryRun} {
		if wanted {
			n++
		}
	}
	return n > 1
}

// Renew performs a rebuild. It reports whether a comparison has found differences.
func (i *Ingestion) Renew(ctx context.Context, s store.Store, streams jsonl.Streams, o Rebuilding) (differs bool, err error) {
	versioned, ok := s.(store.Versioned)
	sources := o.Own
	if sources == nil && len(streams.Paths) > 0 {
		sources = streams
	}
	switch {
	case !o.Compare && !o.Switch && !o.Rollback:
		if err := i.renewOwn(ctx, s, &o); err != nil {
			return false, err
		}
		return false, i.Rebuild(ctx, s, streams, o.Options)
	case !ok:
		return false, fmt.Errorf("%w: there is no store", store.ErrNoGeneration)
	case o.Compare:
		return i.compare(ctx, versioned, sources, o)
	}
	words := "the store uses the new rows now"
	var carried []domain.RunID
	if o.Rollback {
		words = "the store uses the previous rows again"
		err = store.Rollback(ctx, versioned, o.Keep)
	} else if err = store.Switch(ctx, versioned, sources, o.Keep); err == nil {
		carried, err = store.AllOutdated(ctx, s)
	}
	if o.Keep {
		words += "; rebuild --rollback returns to those that it used before"
	}
	if err == nil {
		i.sayOutdated(carried)
		i.Say(words)
	}
	return false, err
}

// renewOwn switches to rows derived from the streams that the store keeps, if the store's rows are
// older. It ignores streams that it cannot read: the step that reads the other streams reports
// these.
func (i *Ingestion) renewOwn(ctx context.Context, s store.Store, o *Rebuilding) error {
	if o.Own == nil || o.DryRun {
		return nil
	}
	older, err := store.IsOlder(ctx, s)
	if err != nil || !older {
		return err
	}
	i.renewed, o.Force = map[domain.RunID]bool{}, false
	_, err = store.Rebuild(ctx, s, o.Own, store.Options{Keep: o.Keep, Done: func(result store.Result) {
		if result.Outcome == store.Derived {
			i.renewed[result.RunID] = true
		}
	}})
	return err
}

func (i *Ingestion) compare(ctx context.Context, s store.Versioned, sources store.Sources, o Rebuilding) (bool, error) {
	v, summary, err := store.CompareVersions(ctx, s, sources, i.begin(ctx, s, o.Options))
	if err = cmp.Or(err, i.err); err != nil {
		return false, err
	}
	i.Say(summary.String())
	for _, result := range i.skipped {
		i.Say("skipped: " + result.Err.Error())
	}
	return len(v.Differences) > 0, WriteVersioning(o.Out, o.Format, o.Width, v)
}

// versioningSchema is the first member of the JSON document. It changes when a change of the
// document would break its readers.
const versioningSchema = "quire-project/rebuild/v1"

// versioning is the document.
type versioning struct {
	From        map[string]int      `json:"from"`
	To          map[string]int      `json:"to"`
	Added       map[string][]string `json:"added_columns"`
	Removed     map[string][]string `json:"removed_columns"`
	Runs        comparedRuns        `json:"runs"`
	Differences []versionDifference `json:"differences"`
}

type comparedRuns struct {
	Compared  int `json:"compared"`
	Differing int `json:"differing"`
	Carried   int `json:"carried"`
	Behind    int `json:"behind"`
}

type versionDifference struct {
	Kind       store.Kind         `json:"kind"`
	Projection string             `json:"projection"`
	Column     string             `json:"column"`
	Rows       int64              `json:"rows"`
	Runs       int                `json:"runs"`
	Examples   []store.Difference `json:"examples"`
}

// WriteVersioning writes the differences between two versions of rows as one document,
// docs/schema/rebuild.json, or as a table for a terminal with that many columns; 0 means no limit.
func WriteVersioning(out io.Writer, format Format, columns int, v *store.Versioning) error {
	if format == JSON {
		document := versioning{withRows(v.From), withRows(v.To), v.Added, v.Removed, comparedRuns{v.Compared, v.Differing, v.Carried, v.Behind}, []versionDifference{}}
		for _, d := range v.Differences {
			document.Differences = append(document.Differences, versionDifference(d))
		}
		return writeValue(out, versioningSchema, document)
	}
	g := &Grid{Columns: []Column{
		{Title: "projection"}, {Title: "column"}, {Title: "rows", Right: true}, {Title: "runs", Right: true},
		{Title: "run", Share: 1}, {Title: "row", Share: 1}, {Title: "live", Share: 1}, {Title: "new", Share: 1},
	}}
	for _, d := range v.Differences {
		column := d.Column
		switch d.Kind {
		case store.Missing:
			column = "(only new)"
		case store.Extra:
			column = "(only live)"
		}
		for n, e := range d.Examples {
			first := []string{d.Projection, column, fmt.Sprint(d.Rows), fmt.Sprint(d.Runs)}
			if n > 0 {
				first = []string{"", "", "", ""}
			}
			row := differenceRow(&e)
			g.add(maxCell, append(first, string(e.RunID), e.Key.String(), row[len(row)-2], row[len(row)-1])...)
		}
	}
	var err error
	if len(v.Differences) > 0 {
		err = cmp.Or(g.Write(out, columns), line(out, ""))
	}
	return cmp.Or(err, line(out, versioningWords(v)), columnsLine(out, "added", v.Added), columnsLine(out, "removed", v.Removed))
}

// columnsLine names columns that were not compared.
func columnsLine(out io.Writer, what string, columns map[string][]string) error {
	var words []string
	for _, projection := range slices.Sorted(maps.Keys(columns)) {
		words = append(words, projection+" ("+strings.Join(columns[projection], ", ")+")")
	}
	if len(words) == 0 {
		return nil
	}
	return line(out, "columns "+what+", which cannot be compared: "+strings.Join(words, ", "))
}

func versioningWords(v *store.Versioning) string {
	words := display.Plural(v.Compared, "run") + " compared"
	if v.Differing == 0 {
		words += ", and all rows are the same"
	} else {
		words += fmt.Sprintf(", and the rows of %d differ", v.Differing)
	}
	var more []string
	if v.Carried > 0 {
		more = append(more, display.Plural(v.Carried, "run")+" without a stream would be carried over")
	}
	if v.Behind > 0 {
		more = append(more, display.Plural(v.Behind, "run")+" read to another point of the stream")
	}
	if len(more) > 0 {
		words += " (besides, " + strings.Join(more, ", ") + ")"
	}
	return words
}
