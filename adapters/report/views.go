package report

import (
	"slices"

	"github.com/quire-ci/quire-project/projections"
)

// What people see of the built-in projections has views that are made for them, some for
// two projections together. All others have a [listing].

func (o *Options) showSummary() bool {
	return o.has(projections.Runs.Definition, projections.RunTimings.Definition)
}

func (o *Options) showJobs() bool {
	return o.has(projections.Jobs.Definition, projections.JobTimings.Definition)
}

func (o *Options) showCommands() bool {
	return o.has(projections.ShEvents.Definition, projections.ShTimings.Definition)
}

// asked reports whether the report is of some of the built-in projections only: of those,
// people see what is not worth a table among all.
func (o *Options) asked() bool {
	return slices.ContainsFunc(projections.Builtin.Reported(), func(d *projections.Definition) bool { return !o.has(d) })
}

// listed are the projections of the report that have no view of their own. Labels stand
// in the summary, if there is one.
func (o *Options) listed() []*projections.Definition {
	return slices.DeleteFunc(slices.Clone(o.chosen()), func(d *projections.Definition) bool {
		if d == projections.LabelRows.Definition {
			return o.showSummary()
		}
		return slices.Contains(projections.Builtin.Reported(), d)
	})
}
