package web

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/projections"
)

// page is the data of the template of a run. All text is safe to show: it has no characters that
// move or reverse other text. The template escapes it for HTML.
type page struct {
	ID, Title   string
	Window      string // the title of the window
	Verdict     verdict
	Ended       bool
	Facts       []string // phrases that summarize the run
	Labels      []label
	Started     moment
	Failed      []*command // failed commands, and jobs that failed without one; only the first ones
	MoreFailed  int
	Jobs        []*job
	Ticks       []tick
	Slowest     []*command
	Diagnostics []diagnostic
	Added       []table
	// LeftOut says what a page of limited size leaves out.
	LeftOut string
	// Compare is the address of the comparison with the previous run, if there is one.
	Compare string
	// Events is the address of the events of an active run.
	Events string
	// Last is the time of the latest event of a run without an end.
	Last moment
	// Grows says that what is open goes on.
	Grows bool
	// For the script: the time axis and the present, in milliseconds.
	StartMs, EndMs, NowMs int64
	// Tables says that the page has tables; a part of a page may have none.
	Tables bool
}

// verdict is how something ended: Kind is a CSS class, Mark and Word are shown.
type verdict struct{ Kind, Mark, Word string }

var kinds = [...]string{"failed", "open", "sofar", "tolerated", "complete"}

func verdictOf(v display.Verdict) verdict {
	return verdict{kinds[v], strings.TrimSpace(v.Mark()), v.Word()}
}

// label is a label of a run, with the address of the list of runs that have it.
type label struct{ Key, Value, Search string }

// moment is a time by the producer's clock.
type moment struct {
	Ms   int64
	Text string // "" if unknown
}

// job is a job with its commands.
type job struct {
	Anchor, Name string
	Verdict      verdict
	Exit         string
	Offset, Took string
	Alone        string // how long no other job was running
	Bars         []bar
	Commands     []*command
	Parts        [][]*command // the commands in groups that a browser lays out together
	// Open shows the commands of the job when the page is loaded.
	Open bool

	index   int
	urgency display.Verdict
}

// command is a command of a job.
type command struct {
	Anchor, Job  string
	Seq          int
	Title, Text  string // the first line, and the whole text if it has more lines
	Verdict      verdict
	Offset, Took string
	Bars         []bar
	Log          string // the address of its log; "" if there is none
	LogEnd       string // the end of the log of a failed command

	index   int // of its row
	job     int // the index of its job
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
	Right     []bool // the column is numeric
	Rows      [][]string
	More      int // the number of rows left out
}

// newPage makes the page of a run from its rows. What is open is drawn up to now or, if that is zero, up to
// the latest event.
func newPage(set *projections.Set, r *rows, l limits, now time.Time) *page {
	run, timing := &r.Run, &r.Timings.Run
	p := &page{ID: string(run.RunID), Verdict: verdictOf(display.OfRun(run)), Ended: run.Ended, Started: momentOf(timing.StartedAtMs), NowMs: timing.LastAtMs.V, Grows: !run.Ended, Tables: true}
	if p.Grows && !now.IsZero() {
		p.Last = momentOf(timing.LastAtMs)
		p.NowMs, p.Grows = display.Present(p.NowMs, now)
	}
	p.Title = titleOf(string(run.RunID), r.Labels)
	p.Window = windowTitle(run, r.Labels)
	p.Labels = labelsOf(r.Labels)
	start := timing.StartedAtMs.V
	a := newAxis(start, projections.Span(start, p.NowMs).V, run.Ended)
	p.Ticks, p.StartMs, p.EndMs = a.ticks(), a.startMs, a.endMs
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

// titleOf returns the title of a run: from its labels if possible, otherwise its id.
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

// windowTitle returns the title of the window of a run. The mark comes first, because tabs are
// narrow.
func windowTitle(run *projections.Run, labels []projections.Label) string {
	v := verdictOf(display.OfRun(run))
	return v.Mark + " " + titleOf(string(run.RunID), labels) + ": " + v.Word
}

// short returns the first characters of a commit's hash.
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

// jobs adds the rows of the jobs, without their commands, and returns the jobs by their ids.
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
			end, kind = p.openEnd()
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

// openEnd returns up to when an open job or command is drawn, and the kind of its bar: running, or of unknown end.
func (p *page) openEnd() (projections.Null[int64], string) {
	if p.Grows {
		return projections.Some(p.NowMs), "open"
	}
	return projections.Some(p.NowMs), "unknown"
}

// barOf returns the bar of an interval, or a mark at a moment if the duration is unknown.
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

// commands adds the rows of the commands, and to each job's row the bars of its commands.
func (p *page) commands(r *rows, jobs map[string]*job, a axis, l limits) {
	busy := make([][]bar, len(p.Jobs))
	next, begun := make([]projections.Null[int64], len(r.ShEvents)), make([]projections.Null[int64], len(p.Jobs)) // starts of the next command of the job
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
			end, kind = p.until(r, j.index, next[i])
		case v == display.Unfinished: // the end of the job decides whether the exit code is a failure
			kind = kinds[display.Tolerated]
		}
		b := barOf(a, projections.Some(sh.StartedAtMs), end, kind)
		c := &command{
			Anchor: j.Anchor + "." + strconv.Itoa(sh.Seq), Job: j.Name, Seq: sh.Seq, Verdict: verdictOf(v), urgency: v, index: i, job: j.index,
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

// until returns the latest time at which an open command of a job may have run, and the kind of its
// bar. Commands of a job run one after the other, so a command has ended if another one follows or
// the job has ended.
func (p *page) until(r *rows, job int, next projections.Null[int64]) (projections.Null[int64], string) {
	end := r.Jobs[job].FinishedAtMs
	switch {
	case next.Valid:
		return next, "unknown"
	case end.Valid:
		return end, "unknown"
	}
	return p.openEnd()
}

// partSize is how many commands a browser lays out at a time, when they are about to be visible.
const partSize = 50

// only returns the page with what has changed. Of the jobs that have, it keeps all commands that ended with an
// exit code other than 0, because their verdict depends on the job's outcome.
func (p page) only(c *change) *page {
	var jobs []*job
	failed := false
	for i, j := range p.Jobs {
		var commands []*command
		for _, one := range j.Commands {
			if c.commands[one.index] || c.jobs[i] && one.urgency != display.Complete {
				commands = append(commands, one)
				failed = failed || one.urgency == display.Failed
			}
		}
		if c.jobs[i] || len(commands) > 0 {
			some := *j
			some.Parts = slices.Collect(slices.Chunk(commands, partSize))
			jobs = append(jobs, &some)
			failed = failed || j.urgency == display.Failed
		}
	}
	p.Jobs, p.Tables = jobs, c.tables
	if !failed {
		p.Failed = nil
	}
	return &p
}

// maxTitle limits the characters of a command in its row.
const maxTitle = 200

// texts returns the first line of a command and, if there is more, the whole text, shortened to
// most characters.
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

// facts adds the phrases that summarize the run.
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

// failed adds the list of failed commands, and of jobs that failed without one.
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

// slowest adds the list of the slowest commands, unless the rows already show it.
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

// cell formats a value of a row.
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

// safe escapes invisible characters, so that text cannot move or reverse the text beside it.
func safe(s string) string { return report.Printable(s) }

// clip shortens text to a number of characters.
func clip(s string, characters int) string {
	n := 0
	for i := range s {
		if n++; n > characters {
			return s[:i] + "…"
		}
	}
	return s
}
