package report

import (
	"strconv"
	"strings"

	"github.com/quire-ci/quire-project/projections"
)

// What people are told of a run, a job or a command, in the words that tables
// and Markdown share.

// headline says in one line how a run went.
func headline(r *projections.Record) string {
	run, timing := r.Run, r.Timings.Run
	parts := []string{
		plural(run.Jobs, "job", "jobs") + failedOf(run.FailedJobs),
		plural(run.ShEvents, "command", "commands") + failedOf(run.FailedSh),
	}
	if run.OpenSh > 0 {
		parts = append(parts, plural(run.OpenSh, "command", "commands")+" unfinished")
	}
	if timing.WallMs.Valid {
		parts = append(parts, duration(timing.WallMs.V))
	}
	if timing.StartedAtMs.Valid {
		parts = append(parts, "started "+clock(timing.StartedAtMs))
	}
	if n := len(r.Diagnostics); n > 0 {
		parts = append(parts, plural(n, "diagnostic", "diagnostics"))
	}
	return strings.Join(parts, " · ")
}

func failedOf(n int) string {
	if n == 0 {
		return ""
	}
	return " (" + strconv.Itoa(n) + " failed)"
}

// shState says how a command stands: by its exit code, or that it has none.
func shState(sh *projections.ShEvent) projections.State {
	switch {
	case !sh.ExitCode.Valid:
		return projections.Active
	case sh.ExitCode.V != 0:
		return projections.Failed
	}
	return projections.Complete
}

// stateWord is how people are told a state: what is active at the end of a
// stream has not finished.
func stateWord(s projections.State) string {
	if s == projections.Active {
		return "unfinished"
	}
	return string(s)
}

// showSlowest reports whether the slowest commands have a table of their own:
// those of a few are better seen among the others.
func showSlowest(r *projections.Record, options Options) bool {
	asked := len(options.Sections) < len(All)
	n := len(r.Timings.Slowest)
	return options.Sections.Has(TimingsSlowest) && n > 0 && (asked || len(r.ShEvents) > 2*n)
}

func exitCode(code projections.Null[int32]) string {
	if !code.Valid {
		return "–"
	}
	return strconv.Itoa(int(code.V))
}
