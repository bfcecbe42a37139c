package report

import (
	"strconv"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/projections"
)

// headline summarizes a run, in parts.
func (d *digest) headline() []string {
	run := d.run
	parts := []string{
		display.Plural(run.Jobs, "job") + failedOf(run.FailedJobs),
		display.Plural(run.ShEvents, "command") + failedOf(d.failedSh),
	}
	if run.OpenSh > 0 {
		parts = append(parts, display.Plural(run.OpenSh, "command")+" unfinished")
	}
	if d.timing.WallMs.Valid {
		parts = append(parts, duration(d.timing.WallMs.V))
	}
	if d.timing.StartedAtMs.Valid {
		parts = append(parts, "started "+clock(d.timing.StartedAtMs))
	}
	if n := d.diagnostics.total.sum(); n > 0 {
		parts = append(parts, display.Plural(n, "diagnostic"))
	}
	return parts
}

func failedOf(n int) string {
	if n == 0 {
		return ""
	}
	return " (" + strconv.Itoa(n) + " failed)"
}

// showSlowest reports whether the slowest commands get a table of their own. With few commands, the
// table of all commands is enough.
func (d *digest) showSlowest(options Options) bool {
	n, commands := len(d.slowest), d.run.ShEvents
	if d.sel != nil {
		commands = d.commands.shown.total.sum()
	}
	return options.has(projections.Slowest.Definition) && n > 0 && (options.asked() || commands > 2*n)
}

// showDiagnostics reports whether diagnostics get a table.
func (d *digest) showDiagnostics(options Options) bool {
	return options.has(projections.Diagnostics.Definition) && d.diagnostics.total.sum() > 0
}

// maxLabels limits the labels that are shown, and maxLabel the columns of one.
const (
	maxLabels = 8
	maxLabel  = 80
)

// shownLabels returns the labels of the run, as text.
func (d *digest) shownLabels(options Options) (parts []string) {
	if !options.has(projections.LabelRows.Definition) {
		return nil
	}
	most := maxLabel
	if options.Width > 0 {
		most = min(most, options.Width-2) // two spaces of indentation
	}
	for _, label := range d.labels[:min(len(d.labels), maxLabels)] {
		shown, _ := display.Fit(label.Key+"="+label.Value, most)
		parts = append(parts, shown)
	}
	if more := len(d.labels) - maxLabels; more > 0 {
		parts = append(parts, "… "+display.Plural(more, "more label"))
	}
	return parts
}

func exitCode(code projections.Null[int32]) string {
	if !code.Valid {
		return "–"
	}
	return strconv.Itoa(int(code.V))
}

// maxID is how many columns of an id are shown.
const maxID = 200

// shownID escapes and shortens an id.
func shownID(id string) string {
	shown, _ := display.Fit(id, maxID)
	return shown
}
