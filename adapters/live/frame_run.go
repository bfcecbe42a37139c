package live

import (
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/projections"
)

const faint = text.Faint

// heading is the line that every run has.
func (f *frame) heading(run *runView) {
	f.line(func(l *line) {
		color := run.standing.color()
		before, behind := display.Around(string(run.row.RunID))
		l.add(color, run.standing.mark()+" "+before)
		l.addUpTo(max(f.width/2, 8), color, display.Name(string(run.row.RunID)))
		l.add(color, behind+f.stateOf(run))
		l.add(plain, "   "+strings.Join(counts(run), " · "))
		if quiet := projections.Span(run.last, f.present(run)); run.row.Events > 0 && quiet.V >= quietMs {
			l.add(text.FgYellow, " · no event for "+running(quiet))
		}
	})
}

// quietMs is how long a run may go on without an event before it is said.
const quietMs = 60_000

func (f *frame) present(run *runView) int64 {
	if run.over() {
		return run.last
	}
	return present(run.first, run.last, f.now)
}

// stateOf says how a run stands, and for how long it has been or was running.
func (f *frame) stateOf(run *runView) string {
	whole := took(projections.Span(run.first, run.last))
	switch {
	case run.trouble != "":
		return "is not read on"
	case run.row.Events == 0:
		return "has no events yet"
	case run.standing == active && !run.row.Ended:
		return "running " + running(projections.Span(run.first, f.present(run)))
	case !run.row.Ended:
		return string(run.row.State) + " so far " + whole
	}
	return string(run.row.State) + " " + whole
}

func counts(run *runView) []string {
	jobs, commands := display.Plural(run.row.Jobs, "job"), display.Plural(run.row.ShEvents, "command")
	var of []string
	if n := run.tally[active]; n > 0 {
		word := " running"
		if run.over() {
			word = " unfinished"
		}
		of = append(of, strconv.Itoa(n)+word)
	}
	if n := run.tally[failed]; n > 0 {
		of = append(of, strconv.Itoa(n)+" failed")
	}
	if len(of) > 0 {
		jobs += " (" + strings.Join(of, ", ") + ")"
	}
	if n := run.failed; n > 0 {
		commands += " (" + strconv.Itoa(n) + " failed)"
	}
	return []string{jobs, commands}
}

// details are the lines of a run below its heading, at most room of them.
func (f *frame) details(run *runView, room int) {
	if note, color := run.note(); note != "" && room > 0 {
		f.line(func(l *line) { l.add(color, "  ! "); l.add(color, note) })
		room--
	}
	chosen, hidden := chooseRows(run, room)
	names := nameColumns(run, chosen, f.width)
	at := f.present(run)
	for _, row := range chosen {
		job := &run.jobs[row.job]
		f.line(func(l *line) {
			switch row.what {
			case headRow:
				jobHead(l, job, names, at)
			case exitRow:
				l.add(job.exitColor(), "      "+display.Exit(job.exit.exitCode)+"  ")
				l.add(plain, job.exit.cmd)
			case openRow:
				l.add(text.FgYellow, "      "+running(projections.Span(job.since, at)))
				l.add(plain, "  "+job.cmd)
			}
		})
	}
	if room > len(chosen) && hidden.total() > 0 {
		f.line(func(l *line) { l.add(faint, "  … "+hidden.more("job")) })
	}
}

// exitColor is red where the job failed. One that is complete has looked at the code.
func (j *jobView) exitColor() text.Color {
	if j.standing == complete {
		return faint
	}
	return j.standing.color()
}

// jobHead is the line that a job has.
func jobHead(l *line, job *jobView, names int, at int64) {
	color := job.standing.color()
	l.add(color, "  "+job.standing.mark()+" ")
	l.addIn(names, color, display.Name(job.id))
	l.add(plain, "  "+jobTime(job, at))
	if job.commands > 0 {
		l.add(faint, "  "+display.Plural(job.commands, "command"))
	}
}

func jobTime(job *jobView, at int64) string {
	switch {
	case job.standing == waiting:
		return "not started"
	case !job.started.Valid:
		return padded("–")
	case job.finished.Valid:
		return padded(took(projections.Span(job.started.V, job.finished.V)))
	}
	return padded(running(projections.Span(job.started.V, at)))
}

// padded puts a time at the right of its column.
func padded(time string) string { return text.AlignRight.Apply(time, 8) }

// nameColumns is how wide the column of the jobs' names is.
func nameColumns(run *runView, rows []row, width int) int {
	most, widest := max(width/3, 8), 0
	for _, row := range rows {
		_, columns := display.Fit(display.Name(run.jobs[row.job].id), most)
		widest = max(widest, columns)
	}
	return widest
}
