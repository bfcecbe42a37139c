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
	n := len(d.slowest)
	return options.has(projections.Slowest.Definition) && n > 0 && (options.asked() || d.run.ShEvents > 2*n)
}

// showDiagnostics reports whether diagnostics have a table.
func (d *digest) showDiagnostics(options Options) bool {
	return options.has(projections.Diagnostics.Definition) && d.diagnostics.total.sum() > 0
}

// maxLabels is how many labels people see, maxLabel how many columns of one.
const (
	maxLabels = 8
	maxLabel  = 80
)

// shownLabels says what the run is of, in parts.
func (d *digest) shownLabels(options Options) (parts []string) {
	if !options.has(projections.LabelRows.Definition) {
		return nil
	}
	most := maxLabel
	if options.Width > 0 {
		most = min(most, options.Width-2) // two spaces are in front
	}
	for _, label := range d.labels[:min(len(d.labels), maxLabels)] {
		shown, _ := display.Fit(label.Key+"="+label.Value, most)
		parts = append(parts, shown)
	}
	if more := len(d.labels) - maxLabels; more > 0 {
		parts = append(parts, "… "+plural(more, "more label", "more labels"))
	}
	return parts
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
