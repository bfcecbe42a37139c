package report

import (
	"slices"

	"github.com/quire-ci/quire-project/projections"
)

// The built-in projections have views of their own; some views combine two projections. All other
// projections have a [listing].

func (o *Options) showSummary() bool {
	return o.has(projections.Runs.Definition, projections.RunTimings.Definition)
}

func (o *Options) showJobs() bool {
	return o.has(projections.Jobs.Definition, projections.JobTimings.Definition)
}

func (o *Options) showCommands() bool {
	return o.has(projections.ShEvents.Definition, projections.ShTimings.Definition)
}

// asked reports whether the user asked for some of the built-in projections only. Then the report
// shows them even where a report of all would leave them out.
func (o *Options) asked() bool {
	return slices.ContainsFunc(projections.Builtin.Reported(), func(d *projections.Definition) bool { return !o.has(d) })
}

// listed returns the projections of the report without a view of their own. Labels are shown in the
// summary, if there is one.
func (o *Options) listed() []*projections.Definition {
	return slices.DeleteFunc(slices.Clone(o.chosen()), func(d *projections.Definition) bool {
		if d == projections.LabelRows.Definition {
			return o.showSummary()
		}
		return slices.Contains(projections.Builtin.Reported(), d)
	})
}
