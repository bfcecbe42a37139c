package projections

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Set is a set of projections, in the order of reports. [NewSet] makes one.
type Set struct{ all, reported, stored []*Definition }

// builtin are the projections of this package, in the order of the document.
var builtin = []AnyDefinition{
	RunTable, Runs, LabelRows, Jobs, ShEvents, RunTimings, JobTimings, ShTimings, Slowest, Diagnostics,
}

// Builtin is the set of the projections of this package.
var Builtin = mustSet()

func mustSet(added ...AnyDefinition) *Set {
	set, err := NewSet(added...)
	if err != nil {
		panic(err)
	}
	return set
}

// reservedTables are other tables and views of a store. Names with one of reservedPrefixes
// are reserved too.
var (
	reservedTables   = []string{"checkpoints", "parked_segments", "quarantined_runs", "sh_timings", "schema"}
	reservedPrefixes = []string{"quire_project", "sqlite", "pg"}
)

// NewSet returns the set of the built-in projections and the added ones, in this order, or
// an error that lists all mistakes in the declarations.
func NewSet(added ...AnyDefinition) (*Set, error) {
	s := &Set{}
	var all error
	for _, of := range append(slices.Clone(builtin), added...) {
		d := of.definition()
		if err := errors.Join(d.err, s.fits(d)); err != nil {
			all = errors.Join(all, fmt.Errorf("projection %q: %w", d.Name, err))
		}
		s.all = append(s.all, d)
	}
	if all != nil {
		return nil, all
	}
	for _, d := range s.all {
		if d.Reported {
			s.reported = append(s.reported, d)
		}
		if d.Table != "" {
			s.stored = append(s.stored, d)
		}
	}
	return s, nil
}

// fits returns an error if a definition conflicts with those before it.
func (s *Set) fits(d *Definition) error {
	for i, other := range s.all {
		switch {
		case other.Name == d.Name:
			return errors.New("another projection has the same name")
		case other.Table == d.Table && d.Table != "":
			return fmt.Errorf("its table %s is that of the projection %q", d.Table, other.Name)
		case group(other.Name) == group(d.Name) && (group(d.Name) == d.Name || group(other.Name) == other.Name):
			return fmt.Errorf("its name and that of the projection %q cannot both be members of a document", other.Name)
		case group(other.Name) == group(d.Name) && i < len(s.all)-1 && group(s.all[i+1].Name) != group(d.Name):
			return fmt.Errorf("the parts of %q do not follow each other in the set; list them in a row", group(d.Name))
		}
	}
	for _, name := range []string{group(d.Name), d.Table} {
		reserved := slices.Contains(reservedTables, name) || slices.ContainsFunc(reservedPrefixes, func(prefix string) bool {
			return strings.HasPrefix(name, prefix+"_")
		})
		if reserved {
			return fmt.Errorf("the name %s is reserved; choose another one", name)
		}
	}
	return nil
}

// group returns the common name of the parts of a projection: timings of timings.jobs.
func group(name string) string {
	group, _, _ := strings.Cut(name, ".")
	return group
}

// Group returns the name that all parts of the projection share; its own name if it has no
// parts.
func (d *Definition) Group() string { return group(d.Name) }

// Part returns the name of the part within its group; "" if the projection has no parts.
func (d *Definition) Part() string {
	_, part, _ := strings.Cut(d.Name, ".")
	return part
}

// All returns all projections.
func (s *Set) All() []*Definition { return s.all }

// Reported returns the projections of reports.
func (s *Set) Reported() []*Definition { return s.reported }

// Stored returns the projections with tables in stores.
func (s *Set) Stored() []*Definition { return s.stored }

// Names returns the names that [Choose] takes for some projections, in order.
func Names(of []*Definition) (names []string) {
	for _, d := range of {
		if name := group(d.names()[0]); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// names returns the names that choose the projection.
func (d *Definition) names() []string {
	if d.Holds != nil {
		return d.Holds
	}
	return []string{d.Name}
}

// UnknownError says that no projection has the name.
type UnknownError struct {
	Name  string
	Known []string
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("no projection is called %q; there are %s", e.Name, strings.Join(e.Known, ", "))
}

// Choose returns the projections in of that have one of names, in the order of of, or all of
// them if names is empty. The name of a group chooses all its parts. An error is an
// *[UnknownError].
func Choose(of []*Definition, names []string) ([]*Definition, error) {
	if len(names) == 0 {
		return of, nil
	}
	chosen := map[*Definition]bool{}
	for _, name := range names {
		found := false
		for _, d := range of {
			if slices.ContainsFunc(d.names(), func(n string) bool { return n == name || group(n) == name }) {
				chosen[d], found = true, true
			}
		}
		if !found {
			return nil, &UnknownError{name, Names(of)}
		}
	}
	return slices.DeleteFunc(slices.Clone(of), func(d *Definition) bool { return !chosen[d] }), nil
}

// ID names projections with their versions, such as "jobs@2 sh_events@2", for checkpoints.
func ID(of []*Definition) string {
	ids := make([]string, len(of))
	for i, d := range of {
		ids[i] = d.ID()
	}
	return strings.Join(ids, " ")
}

// Versions parses a text of [ID]. It ignores fields of another form.
func Versions(id string) map[string]int {
	versions := map[string]int{}
	for _, field := range strings.Fields(id) {
		name, version, _ := strings.Cut(field, "@")
		if n, err := strconv.Atoi(version); err == nil {
			versions[name] = n
		}
	}
	return versions
}

// Missing returns the projections in of that versions does not have, or has in another
// version.
func Missing(of []*Definition, versions map[string]int) (missing []*Definition) {
	for _, d := range of {
		if versions[d.Name] != d.Version {
			missing = append(missing, d)
		}
	}
	return missing
}

// NewerError says that rows were derived by a newer version of a projection than that of
// this program.
type NewerError struct {
	Name string
	// Stored is the version of the rows, Known that of the program.
	Stored, Known int
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("its rows of %s have version %d, and this program has version %d; use a newer program", e.Name, e.Stored, e.Known)
}

// OlderError says that rows were derived by an older version of a projection than that of
// this program.
type OlderError struct {
	Name string
	// Stored is the version of the rows, Known that of the program.
	Stored, Known int
}

func (e *OlderError) Error() string {
	return fmt.Sprintf("its rows of %s have version %d, and this program has version %d; derive them again with rebuild, or use an older program", e.Name, e.Stored, e.Known)
}
