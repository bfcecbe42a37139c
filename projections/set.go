package projections

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Set is a set of projections, in the order in which reports have them. [NewSet] makes
// one.
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

// reservedTables are the names of other tables and views of a store; so is everything
// that begins like the prefixes.
var (
	reservedTables   = []string{"checkpoints", "held_segments", "quarantined_runs", "sh_timings", "schema"}
	reservedPrefixes = []string{"quire_project", "sqlite", "pg"}
)

// NewSet returns the built-in projections and those added, in this order. An error names
// all that is wrong with the declarations.
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

// fits finds out whether a definition can stand beside those before it.
func (s *Set) fits(d *Definition) error {
	for i, other := range s.all {
		switch {
		case other.Name == d.Name:
			return errors.New("another one has the same name")
		case other.Table == d.Table && d.Table != "":
			return fmt.Errorf("its table %s is that of the projection %q", d.Table, other.Name)
		case group(other.Name) == group(d.Name) && (group(d.Name) == d.Name || group(other.Name) == other.Name):
			return fmt.Errorf("its name and that of the projection %q cannot both be members of a document", other.Name)
		case group(other.Name) == group(d.Name) && i < len(s.all)-1 && group(s.all[i+1].Name) != group(d.Name):
			return fmt.Errorf("the parts of %q do not stand together", group(d.Name))
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

// group returns what the parts of one projection have in common: timings of timings.jobs.
func group(name string) string {
	group, _, _ := strings.Cut(name, ".")
	return group
}

// Group returns the name that the projection shares with others, of which it is a part;
// its own name, if it is none.
func (d *Definition) Group() string { return group(d.Name) }

// Part returns the name of the projection within its group; "" if it is no part of one.
func (d *Definition) Part() string {
	_, part, _ := strings.Cut(d.Name, ".")
	return part
}

// All returns all projections.
func (s *Set) All() []*Definition { return s.all }

// Reported returns the projections that reports have.
func (s *Set) Reported() []*Definition { return s.reported }

// Stored returns the projections that stores have tables of.
func (s *Set) Stored() []*Definition { return s.stored }

// Names are those by which people choose among some of the set's projections, in order.
func Names(of []*Definition) (names []string) {
	for _, d := range of {
		if name := group(d.names()[0]); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// names are those by which the projection is chosen.
func (d *Definition) names() []string {
	if d.Holds != nil {
		return d.Holds
	}
	return []string{d.Name}
}

// UnknownError says that no projection has a name.
type UnknownError struct {
	Name  string
	Known []string
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("no projection is called %q; there are %s", e.Name, strings.Join(e.Known, ", "))
}

// Choose returns those of some projections that names choose, in their order; all, where
// none is named. The name of a group chooses all its parts. An error is an
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
