package web

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/projections"
)

// page is what the template of a run shows. All text is safe to show: it has no characters
// that move or reverse other text. The template escapes it.
type page struct {
	ID, Title   string
	Window      string // the title of the window
	Verdict     verdict
	Ended       bool
	Facts       []string // that sum up the run
	Labels      []label
	Started     moment
	Failed      []*command // and jobs that failed without one; the first ones
	MoreFailed  int
	Jobs        []*job
	Ticks       []tick
	Slowest     []*command
	Diagnostics []diagnostic
	Added       []table
	// LeftOut says what a page of limited size leaves out.
	LeftOut string
	// Compare is the address of the comparison with the run before, where there is one.
	Compare string
	// Events is the address of the events of a run that goes on.
	Events string
	// For the script: the time axis, in milliseconds.
	StartMs, EndMs, LastMs int64
}

// verdict is how something went: Kind is a style, Mark and Word are for people.
type verdict struct{ Kind, Mark, Word string }

var kinds = [...]string{"failed", "open", "sofar", "tolerated", "complete"}

func verdictOf(v display.Verdict) verdict {
	return verdict{kinds[v], strings.TrimSpace(v.Mark()), v.Word()}
}

// label is a label of a run, with the address of the list of runs that have it.
type label struct{ Key, Value, Search string }

// moment is a time of the producer's clock.
type moment struct {
	Ms   int64
	Text string // "" if it is not known
}

// job is a job with its commands.
type job struct {
	Anchor, Name string
	Verdict      verdict
	Exit         string
	Offset, Took string
	Alone        string // how long only this job ran
	Bars         []bar
	Commands     []*command
	Parts        [][]*command // of Commands, that browsers lay out at once
	// Open shows the commands at first.
	Open bool

	index   int
	urgency display.Verdict
}

// command is a command of a job.
type command struct {
	Anchor, Job  string
	Seq          int
	Title, Text  string // the first line, and the whole if it has more
	Verdict      verdict
	Offset, Took string
	Bars         []bar
	Log          string // the address of its log, "" without one
	LogEnd       string // the end of the log of a failed command

	job     int // its index
	urgency display.Verdict
}

// diagnostic is a row of the table of diagnostics.
type diagnostic struct {
	Line               int64
	Code, Job, Meaning string
}

// table has the rows of an added projection.
type table struct {
	Name, Doc string
	Columns   []string
	Right     []bool // the column has numbers
	Rows      [][]string
	More      int // rows that are left out
}

// limits bound what a page shows.
type limits struct {
	commands, jobs int
	text           int // the longest text of a command, or name of a job, in characters
	failed         int // in the list of failed commands
	rows           int // of each other table
}

var pageLimits = limits{commands: math.MaxInt, jobs: math.MaxInt, text: 10_000, failed: 50, rows: 5000}

// newPage makes the page of a run from its rows.
func newPage(set *projections.Set, r *rows, l limits) *page {
	run, timing := &r.Run, &r.Timings.Run
	p := &page{ID: string(run.RunID), Verdict: verdictOf(display.OfRun(run)), Ended: run.Ended, Started: momentOf(timing.StartedAtMs)}
	p.Title = titleOf(string(run.RunID), r.Labels)
	p.Window = windowTitle(run, r.Labels)
	p.Labels = labelsOf(r.Labels)
	a := newAxis(timing, run.Ended)
	p.Ticks, p.StartMs, p.EndMs, p.LastMs = a.ticks(), a.startMs, a.endMs, timing.LastAtMs.V
	jobs := p.jobs(r, a, l)
	p.commands(r, jobs, a, l)
	p.facts(r)
	p.failed(l.failed)
	p.slowest(r, jobs)
	p.limit(l)
	for _, d := range r.Diagnostics[:min(len(r.Diagnostics), l.rows)] {
		p.Diagnostics = append(p.Diagnostics, diagnostic{d.Line, string(d.Code), safe(clip(d.JobID.V, l.text)), d.Code.Meaning()})
	}
	for _, of := range set.Reported() {
		if !slices.Contains(projections.Builtin.Reported(), of) {
			p.Added = append(p.Added, tableOf(of, r.added[of], l.rows))
		}
	}
	return p
}

// titleOf returns the name of a run: what its labels say it is of, or else its id.
func titleOf(id string, labels []projections.Label) string {
	value := map[string]string{}
	for _, l := range labels {
		value[l.Key] = l.Value
	}
	var parts []string
	for _, part := range []string{value["repo"], value["ref"], short(value["sha"])} {
		if part != "" {
			parts = append(parts, safe(part))
		}
	}
	if len(parts) == 0 {
		return safe(display.Name(id))
	}
	return strings.Join(parts, " · ")
}

// windowTitle returns what a window with a run is called: a mark comes first, for tabs are narrow.
func windowTitle(run *projections.Run, labels []projections.Label) string {
	v := verdictOf(display.OfRun(run))
	return v.Mark + " " + titleOf(string(run.RunID), labels) + ": " + v.Word
}

// short returns the beginning of a commit's digest.
func short(sha string) string {
	if len(sha) == 40 || len(sha) == 64 {
		return sha[:10]
	}
	return sha
}

func momentOf(ms projections.Null[int64]) moment {
	if text := display.Clock(ms); text != "–" {
		return moment{ms.V, text}
	}
	return moment{}
}

// jobs makes the rows of the jobs, without their commands, and returns them by their ids.
func (p *page) jobs(r *rows, a axis, l limits) map[string]*job {
	byID := make(map[string]*job, len(r.Jobs))
	var times []interval
	for i := range r.Jobs {
		row, timing := &r.Jobs[i], &r.Timings.Jobs[i]
		v := display.OfJob(row.State)
		j := &job{
			Anchor: fmt.Sprintf("j%d", i+1), Name: safe(clip(display.Name(row.JobID), l.text)), Verdict: verdictOf(v),
			Offset: display.Maybe(timing.OffsetMs), Took: display.Maybe(timing.DurationMs), Open: v != display.Complete, index: i, urgency: v,
		}
		if row.ExitCode.Valid && row.ExitCode.V != 0 {
			j.Exit = display.Exit(row.ExitCode.V)
		}
		start, end, kind := row.StartedAtMs, row.FinishedAtMs, "job"
		if !end.Valid {
			end, kind = r.Timings.Run.LastAtMs, openKind(!r.Run.Ended)
		}
		j.Bars = []bar{barOf(a, start, end, kind)}
		if start.Valid && end.Valid {
			times = append(times, interval{i, start.V, end.V})
		}
		p.Jobs, byID[row.JobID] = append(p.Jobs, j), j
	}
	for i, ms := range alone(len(p.Jobs), times) {
		if ms > 0 && len(p.Jobs) > 1 {
			p.Jobs[i].Alone = display.Duration(ms)
		}
	}
	return byID
}

// openKind returns the kind of the bar of what has not ended: it runs, or nobody knows until when it did.
func openKind(runs bool) string {
	if runs {
		return "open"
	}
	return "unknown"
}

// barOf returns the bar of what has a start and an end, or the mark of a moment if its
// duration is not known.
func barOf(a axis, start, end projections.Null[int64], kind string) bar {
	switch {
	case !start.Valid && end.Valid:
		return a.bar(end.V, end.V, "unknown")
	case !start.Valid:
		return bar{0, leastBar, "unknown"}
	case !end.Valid || !projections.Span(start.V, end.V).Valid:
		return a.bar(start.V, start.V, "unknown")
	}
	return a.bar(start.V, end.V, kind)
}

// commands makes the rows of the commands, and the bars of what of each job is in commands.
func (p *page) commands(r *rows, jobs map[string]*job, a axis, l limits) {
	busy := make([][]bar, len(p.Jobs))
	next, begun := make([]projections.Null[int64], len(r.ShEvents)), make([]projections.Null[int64], len(p.Jobs)) // starts of later commands of the job
	for i, sh := range slices.Backward(r.ShEvents) {
		j := jobs[sh.JobID].index
		next[i], begun[j] = begun[j], projections.Some(sh.StartedAtMs)
	}
	for i := range r.ShEvents {
		sh, timing := &r.ShEvents[i], &r.Timings.ShEvents[i]
		j := jobs[sh.JobID]
		v := display.OfCommand(sh.ExitCode, r.Jobs[j.index].State)
		end, kind := sh.FinishedAtMs, kinds[v]
		switch {
		case !end.Valid:
			end, kind = until(r, j.index, next[i])
		case v == display.Unfinished: // whether its code is a failure, the job's end will tell
			kind = kinds[display.Tolerated]
		}
		b := barOf(a, projections.Some(sh.StartedAtMs), end, kind)
		c := &command{
			Anchor: j.Anchor + "." + strconv.Itoa(sh.Seq), Job: j.Name, Seq: sh.Seq, Verdict: verdictOf(v), urgency: v, job: j.index,
			Offset: display.Maybe(timing.OffsetMs), Took: display.Maybe(timing.DurationMs), Bars: []bar{b},
		}
		c.Verdict.Word = v.CommandWord(sh.ExitCode)
		if v == display.Failed && sh.ExitCode.Valid {
			c.Verdict.Word = "failed, " + display.Exit(sh.ExitCode.V)
		}
		c.Title, c.Text = texts(sh.Cmd, l.text)
		j.Commands = append(j.Commands, c)
		if b.Kind != "unknown" {
			busy[j.index] = append(busy[j.index], bar{b.X, b.Width, "busy"})
		}
	}
	for i, j := range p.Jobs {
		j.Bars = append(j.Bars, merged(busy[i])...)
		j.Open = j.Open || len(r.ShEvents) <= 200
		j.Parts = slices.Collect(slices.Chunk(j.Commands, partSize))
	}
}

// until returns up to when an open command of a job may have run, and the kind of its bar. A job's commands run
// one after the other: one that another follows, or whose job is over, does not run any more.
func until(r *rows, job int, next projections.Null[int64]) (projections.Null[int64], string) {
	end := r.Jobs[job].FinishedAtMs
	switch {
	case next.Valid:
		return next, "unknown"
	case end.Valid:
		return end, "unknown"
	}
	return r.Timings.Run.LastAtMs, openKind(!r.Run.Ended)
}

// partSize is how many commands a browser lays out at once, when they are about to be seen.
const partSize = 50

// only returns the page with some jobs and commands, by their anchors: of these jobs, without other
// commands but those that ended with another code than 0, for what they are called depends on how their job
// goes on.
func (p page) only(anchors []string) *page {
	wanted := map[string]bool{}
	for _, a := range anchors {
		job, _, _ := strings.Cut(a, ".")
		wanted[job], wanted[a] = true, true
	}
	var jobs []*job
	for _, j := range p.Jobs {
		if wanted[j.Anchor] {
			some := *j
			some.Parts = [][]*command{slices.DeleteFunc(slices.Clone(j.Commands), func(c *command) bool { return !wanted[c.Anchor] && c.urgency == display.Complete })}
			jobs = append(jobs, &some)
		}
	}
	p.Jobs = jobs
	return &p
}

// maxTitle is how many characters of a command its row shows.
const maxTitle = 200

// texts returns the first line of a command and, if there is more, all of it.
func texts(cmd string, most int) (title, text string) {
	trimmed := strings.TrimSpace(cmd)
	line, _, more := strings.Cut(trimmed, "\n")
	title = safe(clip(line, maxTitle))
	if more || len(title) < len(line) {
		lines := strings.Split(clip(trimmed, most), "\n")
		for i := range lines {
			lines[i] = safe(lines[i])
		}
		text = strings.Join(lines, "\n")
	}
	return title, text
}

// facts sums up the run.
func (p *page) facts(r *rows) {
	run, timing := &r.Run, &r.Timings.Run
	failed := 0
	for _, j := range p.Jobs {
		for _, c := range j.Commands {
			if c.urgency == display.Failed {
				failed++
			}
		}
	}
	count := func(n int, one string, failed int) string {
		if failed > 0 {
			return fmt.Sprintf("%s, %d failed", display.Plural(n, one), failed)
		}
		return display.Plural(n, one)
	}
	p.Facts = []string{count(run.Jobs, "job", run.FailedJobs), count(run.ShEvents, "command", failed)}
	if timing.WallMs.Valid {
		p.Facts = append(p.Facts, display.Duration(timing.WallMs.V))
	}
	if timing.BusyMs.Valid && timing.PeakJobs > 1 {
		p.Facts = append(p.Facts, "busy "+display.Duration(timing.BusyMs.V), fmt.Sprintf("up to %d jobs at once", timing.PeakJobs))
	}
	if run.OpenSh > 0 && run.Ended {
		p.Facts = append(p.Facts, display.Plural(run.OpenSh, "command")+" ended without a word")
	}
}

// failed lists the commands that failed, and jobs that failed without one.
func (p *page) failed(most int) {
	add := func(c *command) {
		if len(p.Failed) == most {
			p.MoreFailed++
			return
		}
		p.Failed = append(p.Failed, c)
	}
	for _, j := range p.Jobs {
		some := false
		for _, c := range j.Commands {
			if c.urgency == display.Failed {
				some = true
				add(c)
			}
		}
		if !some && j.Verdict.Kind == "failed" {
			add(&command{Anchor: j.Anchor, Job: j.Name, Verdict: j.Verdict, Took: j.Took})
		}
	}
}

// limit leaves out jobs and commands if there are too many: those that failed stay longest, then
// those that are open.
func (p *page) limit(l limits) {
	total := 0
	for _, j := range p.Jobs {
		total += len(j.Commands)
	}
	if total <= l.commands && len(p.Jobs) <= l.jobs {
		return
	}
	jobs := mostUrgent(p.Jobs, l.jobs, func(j *job) display.Verdict { return j.urgency })
	var commands []*command
	for _, j := range jobs {
		commands = append(commands, j.Commands...)
	}
	stay := map[*command]bool{}
	for _, c := range mostUrgent(commands, l.commands, func(c *command) display.Verdict { return c.urgency }) {
		stay[c] = true
	}
	var left []string
	if n := len(p.Jobs) - len(jobs); n > 0 {
		left = append(left, display.Plural(n, "job"))
	}
	for _, j := range jobs {
		j.Commands = slices.DeleteFunc(j.Commands, func(c *command) bool { return !stay[c] })
		j.Parts = slices.Collect(slices.Chunk(j.Commands, partSize))
	}
	if n := total - len(stay); n > 0 {
		left = append(left, display.Plural(n, "command"))
	}
	p.Jobs = jobs
	if len(left) > 0 {
		p.LeftOut = strings.Join(left, " and ") + " left out: the page would be too large. --to ndjson has all."
	}
}

// mostUrgent returns the n most urgent of all, in their order.
func mostUrgent[T any](all []T, n int, urgency func(T) display.Verdict) []T {
	if len(all) <= n {
		return all
	}
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(urgency(all[a]), urgency(all[b])) })
	order = order[:n]
	slices.Sort(order)
	some := make([]T, n)
	for i, at := range order {
		some[i] = all[at]
	}
	return some
}

// slowest lists the slowest commands, if that says more than their rows.
func (p *page) slowest(r *rows, jobs map[string]*job) {
	if len(r.ShEvents) <= 20 {
		return
	}
	for _, s := range r.Timings.Slowest {
		commands := jobs[s.JobID].Commands
		if at, ok := slices.BinarySearchFunc(commands, s.Seq, func(c *command, seq int) int { return cmp.Compare(c.Seq, seq) }); ok {
			p.Slowest = append(p.Slowest, commands[at])
		}
	}
}

func tableOf(of *projections.Definition, list [][]string, most int) table {
	t := table{Name: of.Name, Doc: of.Doc, More: max(0, len(list)-most)}
	for _, c := range of.Columns {
		t.Columns, t.Right = append(t.Columns, c.Name), append(t.Right, c.Type == projections.Int)
	}
	t.Rows = list[:min(len(list), most)]
	return t
}

// cell returns a value as text.
func cell(c *projections.Column, row projections.Ref) string {
	switch {
	case c.IsNull(row):
		return "–"
	case c.Type == projections.Text:
		return safe(clip(c.Text(row), maxTitle))
	case c.Type == projections.Int:
		return strconv.FormatInt(c.Int(row), 10)
	}
	return strconv.FormatBool(c.Bool(row))
}

// safe returns text without characters that cannot be seen, which are escaped: none can move
// or reverse the text beside it.
func safe(s string) string { return report.Printable(s) }

// clip shortens text.
func clip(s string, characters int) string {
	n := 0
	for i := range s {
		if n++; n > characters {
			return s[:i] + "…"
		}
	}
	return s
}
