package report

import (
	"fmt"
	"slices"
	"strings"
)

// Section is a part of a report: the rows of one projection.
type Section string

// The sections, in the order in which the document has them.
const (
	Run            Section = "run"
	Jobs           Section = "jobs"
	ShEvents       Section = "sh_events"
	TimingsRun     Section = "timings.run"
	TimingsJobs    Section = "timings.jobs"
	TimingsSh      Section = "timings.sh_events"
	TimingsSlowest Section = "timings.slowest"
	Diagnostics    Section = "diagnostics"
)

// All are all sections, in the order in which the document has them.
var All = Selection{Run, Jobs, ShEvents, TimingsRun, TimingsJobs, TimingsSh, TimingsSlowest, Diagnostics}

// Selection is which sections a report has.
type Selection []Section

// Has reports whether section is selected.
func (s Selection) Has(section Section) bool { return slices.Contains(s, section) }

// hasTimings reports whether any part of "timings" is selected.
func (s Selection) hasTimings() bool {
	return slices.ContainsFunc(s, func(section Section) bool { return strings.HasPrefix(string(section), "timings.") })
}

// ParseSelection reads the names of projections as users give them: run, jobs,
// sh_events, timings, diagnostics, or a part of timings, such as timings.jobs.
// No names are all of them.
func ParseSelection(names []string) (Selection, error) {
	if len(names) == 0 {
		return All, nil
	}
	var wanted Selection
	for _, name := range names {
		var matched bool
		for _, section := range All {
			if string(section) == name || strings.HasPrefix(string(section), name+".") {
				wanted, matched = append(wanted, section), true
			}
		}
		if !matched {
			return nil, fmt.Errorf("no projection is called %q; there are run, jobs, sh_events, timings (timings.run, timings.jobs, timings.sh_events, timings.slowest) and diagnostics", name)
		}
	}
	var selected Selection
	for _, section := range All {
		if wanted.Has(section) {
			selected = append(selected, section)
		}
	}
	return selected, nil
}
