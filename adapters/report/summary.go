package report

import (
	"strconv"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/projections"
)

// What people see of a run, a job or a command, in the words that tables and Markdown share.

// headline says how a run went, in parts.
func (d *digest) headline() []string {
	run := d.run
	parts := []string{
		plural(run.Jobs, "job", "jobs") + failedOf(run.FailedJobs),
		plural(run.ShEvents, "command", "commands") + failedOf(d.failedSh),
	}
	if run.OpenSh > 0 {
		parts = append(parts, plural(run.OpenSh, "command", "commands")+" unfinished")
	}
	if d.timing.WallMs.Valid {
		parts = append(parts, duration(d.timing.WallMs.V))
	}
	if d.timing.StartedAtMs.Valid {
		parts = append(parts, "started "+clock(d.timing.StartedAtMs))
	}
	if n := d.diagnostics.total.sum(); n > 0 {
		parts = append(parts, plural(n, "diagnostic", "diagnostics"))
	}
	return parts
}

func failedOf(n int) string {
	if n == 0 {
		return ""
	}
	return " (" + strconv.Itoa(n) + " failed)"
}

// showSlowest reports whether the slowest commands have a table of their own:
// those of a few are better seen among the others.
func (d *digest) showSlowest(options Options) bool {
	asked := len(options.Sections) < len(All)
	n := len(d.slowest)
	return options.Sections.Has(TimingsSlowest) && n > 0 && (asked || d.run.ShEvents > 2*n)
}

// showDiagnostics reports whether diagnostics have a table.
func (d *digest) showDiagnostics(options Options) bool {
	return options.Sections.Has(Diagnostics) && d.diagnostics.total.sum() > 0
}

func exitCode(code projections.Null[int32]) string {
	if !code.Valid {
		return "–"
	}
	return strconv.Itoa(int(code.V))
}

// maxID is how many columns of an id people see.
const maxID = 200

// shownID is an id as people see it.
func shownID(id string) string {
	shown, _ := display.Fit(id, maxID)
	return shown
}
