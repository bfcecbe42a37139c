package projections

import (
	"fmt"
	"strconv"
	"strings"
)

// ID names projections with their versions, such as "jobs@2 sh_events@2": what the rows
// of a run are of.
func ID(of []*Definition) string {
	ids := make([]string, len(of))
	for i, d := range of {
		ids[i] = d.ID()
	}
	return strings.Join(ids, " ")
}

// Versions reads what [ID] has written. What is no such text names no projection.
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

// Missing returns those of some projections that rows of some versions lack, or have in an
// older version. An error is a *[NewerError].
func Missing(of []*Definition, versions map[string]int) (missing []*Definition, err error) {
	for _, d := range of {
		switch version := versions[d.Name]; {
		case version > d.Version:
			return nil, &NewerError{d.Name, version, d.Version}
		case version < d.Version:
			missing = append(missing, d)
		}
	}
	return missing, nil
}

// NewerError says that rows were derived by a newer version of a projection than this
// program's.
type NewerError struct {
	Name string
	// Stored is the version of the rows, Known the newest one that the program has.
	Stored, Known int
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("the store's rows of %s were derived by version %d of that projection, and this program has version %d; use a newer program", e.Name, e.Stored, e.Known)
}
