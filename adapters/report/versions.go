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
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// StoredVersions are the versions of the rows in a store.
type StoredVersions struct {
	Projections []storedProjection `json:"projections"`
	Generations []storedGeneration `json:"generations"`
	Runs        []otherRun         `json:"runs"`
}

// storedProjection has the version of a projection in the store and in the program. A version is
// null if the store has no rows, or if the program does not know the projection.
type storedProjection struct {
	Name    string                `json:"name"`
	Store   projections.Null[int] `json:"store"`
	Program projections.Null[int] `json:"program"`
}

type storedGeneration struct {
	Number      int                   `json:"number"`
	State       store.GenerationState `json:"state"`
	Projections map[string]int        `json:"projections"`
}

// otherRun is a run whose rows have other versions than the store's.
type otherRun struct {
	RunID       domain.RunID   `json:"run_id"`
	Projections map[string]int `json:"projections"`
}

// versionsSchema is the first member of the JSON document. It changes when a change of the document
// would break its readers.
const versionsSchema = "quire-project/versions/v1"

// ReadVersions reads the versions of a store.
func ReadVersions(ctx context.Context, s store.Store) (*StoredVersions, error) {
	stored, err := s.Versions(ctx)
	if err != nil {
		return nil, err
	}
	v := &StoredVersions{Generations: []storedGeneration{}, Runs: []otherRun{}}
	known := map[string]int{}
	for _, of := range s.Projections().Stored() {
		known[of.Name] = of.Version
		v.Projections = append(v.Projections, storedProjection{of.Name, version(stored, of.Name), version(known, of.Name)})
	}
	for _, name := range slices.Sorted(maps.Keys(stored)) {
		if known[name] == 0 {
			v.Projections = append(v.Projections, storedProjection{Name: name, Store: version(stored, name)})
		}
	}
	if s, ok := s.(store.Versioned); ok {
		all, err := s.Generations(ctx)
		if err != nil {
			return nil, err
		}
		for _, g := range all {
			v.Generations = append(v.Generations, storedGeneration{g.Number, g.State, withRows(g.Versions)})
		}
	}
	return v, store.OtherVersions(ctx, s, func(run domain.RunID, versions map[string]int) {
		v.Runs = append(v.Runs, otherRun{run, versions})
	})
}

func version(versions map[string]int, name string) projections.Null[int] {
	if versions[name] == 0 {
		return projections.Null[int]{}
	}
	return projections.Some(versions[name])
}

// withRows returns the versions of projections that have rows.
func withRows(versions map[string]int) map[string]int {
	some := map[string]int{}
	for name, n := range versions {
		if n > 0 {
			some[name] = n
		}
	}
	return some
}

// maxOtherRuns limits the runs of other versions that a table names.
const maxOtherRuns = 20

// Write writes the versions as one document, docs/schema/versions.json, or as tables for a terminal
// with that many columns; 0 means no limit.
func (v *StoredVersions) Write(out io.Writer, format Format, columns int) error {
	if format == JSON {
		return writeValue(out, versionsSchema, v)
	}
	g := &Grid{Columns: []Column{{Title: "projection", Share: 1}, {Title: "store", Right: true}, {Title: "program", Right: true}}}
	for _, p := range v.Projections {
		g.add(maxCell, p.Name, words(p.Store, "no rows"), words(p.Program, "unknown"))
	}
	err := g.Write(out, columns)
	if len(v.Generations) > 1 {
		g := &Grid{Columns: []Column{{Title: "generation", Right: true}, {Title: "state"}, {Title: "versions", Share: 1}}}
		for _, generation := range v.Generations {
			g.add(cmp.Or(columns, 1<<20), fmt.Sprint(generation.Number), string(generation.State), v.list(generation.Projections))
		}
		err = cmp.Or(err, line(out, ""), g.Write(out, columns))
	}
	if len(v.Runs) == 0 {
		return err
	}
	err = cmp.Or(err, line(out, "\n"+display.Plural(len(v.Runs), "run")+" of other versions:"))
	g = &Grid{Columns: []Column{{Title: "run", Share: 1}, {Title: "versions", Share: 1}}}
	for _, run := range v.Runs[:min(len(v.Runs), maxOtherRuns)] {
		g.add(cmp.Or(columns, 1<<20), string(run.RunID), v.list(run.Projections))
	}
	err = cmp.Or(err, g.Write(out, columns))
	if more := len(v.Runs) - maxOtherRuns; more > 0 {
		err = cmp.Or(err, line(out, fmt.Sprintf("and %d more; --to json has all", more)))
	}
	return err
}

func line(out io.Writer, words string) error {
	_, err := fmt.Fprintln(out, words)
	return err
}

func words(version projections.Null[int], none string) string {
	if !version.Valid {
		return none
	}
	return fmt.Sprint(version.V)
}

// list names the projections whose version differs from the store's.
func (v *StoredVersions) list(versions map[string]int) string {
	var all []string
	for _, p := range v.Projections {
		switch n := versions[p.Name]; {
		case n == p.Store.V:
		case n == 0:
			all = append(all, "no "+p.Name)
		default:
			all = append(all, fmt.Sprintf("%s %d", p.Name, n))
		}
	}
	return cmp.Or(strings.Join(all, ", "), "as the store")
}
