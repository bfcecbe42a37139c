package report

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// digest is the part of a run that tables and Markdown show. It keeps the rows that are shown, and
// counts the others.
type digest struct {
	run         projections.Run
	timing      projections.RunTiming
	failedSh    int // see [display.FailedCommands]
	jobs        shown[jobRow]
	commands    commands
	slowest     []placed[command]
	diagnostics shown[projections.Diagnostic]
	labels      []projections.Label
	listings    []*listing // of projections without a view of their own
	sel         *selector
}

// jobRow is a job and its timing.
type jobRow struct {
	projections.Job
	timing projections.JobTiming
}

// limits bound what a format shows of a run.
type limits struct {
	rows    int // of each table
	command int // length of a command, in characters
}

func readDigest(run domain.RunID, stream projections.Stream, options Options, limits limits) (d *digest, err error) {
	d = &digest{sel: newSelector(options.Selection)}
	d.jobs.limit, d.diagnostics.limit, d.commands.limits = limits.rows, limits.rows, limits
	d.commands.shown.limit = limits.rows
	if d.sel != nil {
		d.jobs.fates, d.commands.shown.fates, d.commands.shown.most = &d.sel.jobs, &d.sel.commands, leastSifted
	}
	members := []projections.Member{
		projections.RunTimings.Into(func(r *projections.Row[projections.RunTiming]) { d.timing = r.Value }),
		projections.Into("failed_commands", display.FailedCommands(), func(r *projections.Row[int]) { d.failedSh = r.Value }),
		projections.Observe(d.slow, nil),
		projections.Diagnostics.Into(d.diagnostic),
		projections.LabelRows.Into(func(r *projections.Row[projections.Label]) { d.labels = append(d.labels, r.Value) }),
	}
	if options.showJobs() {
		members = append(members, d.jobMembers()...)
	}
	if options.showCommands() {
		members = append(members, projections.Observe(d.commands.step, d.commands.open))
	}
	for _, of := range options.listed() {
		l := newListing(of, limits)
		d.listings = append(d.listings, l)
		members = append(members, d.sel.member(of, true, l.take))
	}
	d.run, err = fold(run, stream, d.sel, members...)
	if d.sel != nil {
		d.slowest = slices.DeleteFunc(d.slowest, func(c placed[command]) bool { return d.sel.commands.of(c.index) != selected })
		d.jobs.trim()
		d.commands.shown.trim()
	}
	return d, err
}

// maxSlow is how many rows timings.slowest has.
const maxSlow = 10

// slow keeps a command that has ended if it is among the slowest, the longest first.
func (d *digest) slow(step *projections.Step) {
	if !step.ShCloses {
		return
	}
	took := projections.Span(step.Sh.StartedAtMs, step.AtMs)
	at, _ := slices.BinarySearchFunc(d.slowest, took.V, func(c placed[command], ms int64) int {
		return cmp.Or(cmp.Compare(ms, c.row.elapsed.V), cmp.Compare(c.index, step.Sh.Index))
	})
	if !took.Valid || at == maxSlow {
		return
	}
	row := placed[command]{index: step.Sh.Index, row: d.commands.row(step.Run, step.Job, step.Sh)}
	row.row.elapsed = took
	d.slowest = slices.Insert(d.slowest, at, row)
	d.slowest = d.slowest[:min(len(d.slowest), maxSlow)]
}

// diagnostic adds a row. Rows that say that the stream is incomplete come first.
func (d *digest) diagnostic(r *projections.Row[projections.Diagnostic]) {
	verdict := display.Complete
	if d.sel != nil && d.sel.named(r.Value.JobID.V, r.Value.JobID.Valid) == rejected {
		return
	}
	if r.Value.Code == projections.MalformedLine || r.Value.Code == projections.TornTail {
		verdict = display.Failed
	}
	if d.diagnostics.wants(verdict) {
		d.diagnostics.keep(r.Index, verdict, r.Value)
	}
}

// jobMembers combine jobs with their timings. The timing of a job that ends directly follows its
// row; the timings of open jobs come in the order of their rows.
func (d *digest) jobMembers() []projections.Member {
	var ended *jobRow
	open := 0
	return []projections.Member{
		projections.Jobs.Into(func(r *projections.Row[projections.Job]) {
			verdict := display.OfJob(r.Value.State)
			ended = nil
			if !d.jobs.wants(verdict) {
				return
			}
			d.jobs.keep(r.Index, verdict, jobRow{Job: r.Value})
			kept := d.jobs.kept[verdict]
			ended = &kept[len(kept)-1].row
		}),
		projections.JobTimings.Into(func(r *projections.Row[projections.JobTiming]) {
			kept := d.jobs.kept[display.Unfinished]
			switch {
			case r.Final && ended != nil:
				ended.timing = r.Value
			case !r.Final && open < len(kept):
				kept[open].row.timing = r.Value
				open++
			}
		}),
	}
}

// command is the row of a command with its timing.
type command struct {
	job     int // index of its job
	jobID   string
	seq     int
	nth     int    // see [runlog.Command]
	started int    // number of commands of its job that have started
	cmd     string // shortened to the part that can be shown
	code    projections.Null[int32]
	offset  projections.Null[int64]
	elapsed projections.Null[int64]
}

// commands keeps the commands to show.
type commands struct {
	limits limits
	// wanted, if set, selects the commands to keep.
	wanted func(jobID string, seq int) bool
	shown  shown[command]
	// exits are commands of open jobs with an exit code other than 0: whether they failed is known
	// when the job ends. Above the limit, only the latest are kept.
	exits    []placed[command]
	pending  map[int]int // their number, by the index of the job
	replaced int
	closes   []int // number of closed commands, by the index of the job
}

func (c *commands) step(step *projections.Step) {
	if step.ShCloses {
		for len(c.closes) <= step.Job.Index {
			c.closes = append(c.closes, 0)
		}
		c.closes[step.Job.Index]++
	}
	switch {
	case step.ShCloses && c.wanted != nil && !c.wanted(step.Job.ID, step.Sh.Seq):
	case step.ShCloses && c.shown.fates != nil && c.shown.fates.of(step.Sh.Index) == rejected:
	case step.ShCloses && step.ExitCode != 0 && !step.Job.Final:
		c.exit(step)
	case step.ShCloses:
		verdict := display.OfCommand(projections.Some(step.ExitCode), stateOf(step.Job))
		if c.shown.wants(verdict) {
			c.shown.keep(step.Sh.Index, verdict, c.closed(step))
		}
	case step.JobEnds && c.pending[step.Job.Index] > 0:
		c.judge(step.Job)
	}
}

func stateOf(job *projections.TrackedJob) projections.State {
	switch {
	case !job.Final:
		return projections.Active
	case job.Outcome == domain.Complete:
		return projections.Complete
	}
	return projections.Failed
}

func (c *commands) exit(step *projections.Step) {
	if c.pending == nil {
		c.pending = map[int]int{}
	}
	c.pending[step.Job.Index]++
	row := placed[command]{index: step.Sh.Index, row: c.closed(step)}
	if c.shown.fates != nil || len(c.exits) < c.shown.limit {
		c.exits = append(c.exits, row)
		return
	}
	c.exits[c.replaced%len(c.exits)] = row
	c.replaced++
}

// judge gives the commands of a job their verdict once the job's outcome is known.
func (c *commands) judge(job *projections.TrackedJob) {
	verdict := display.OfCommand(projections.Some[int32](1), stateOf(job))
	c.shown.total[verdict] += c.pending[job.Index]
	delete(c.pending, job.Index)
	rest := c.exits[:0]
	for _, exit := range c.exits {
		switch {
		case exit.row.job != job.Index:
			rest = append(rest, exit)
		case c.shown.fates != nil || len(c.shown.kept[verdict]) < c.shown.limit:
			c.shown.keep(exit.index, verdict, exit.row)
		}
	}
	clear(c.exits[len(rest):])
	c.exits = rest
}

// open, at the end of the stream, takes the commands that are open.
func (c *commands) open(run *projections.Tracker) {
	for job := range run.Jobs() {
		if c.pending[job.Index] > 0 {
			c.judge(job)
		}
	}
	run.EachOpenSh(func(job *projections.TrackedJob, sh *projections.TrackedSh) {
		if c.wanted != nil && !c.wanted(job.ID, sh.Seq) || !c.shown.wants(display.Unfinished) {
			return
		}
		row := c.row(run, job, sh)
		if sh.Seq == job.ShCount {
			row.nth = sh.Seq
		}
		c.shown.keep(sh.Index, display.Unfinished, row)
	})
	started := make([]int, 0, run.JobCount())
	for job := range run.Jobs() {
		started = append(started, job.ShCount)
	}
	for _, kept := range c.shown.kept {
		for i := range kept {
			kept[i].row.started = started[kept[i].row.job]
		}
	}
}

func (c *commands) row(run *projections.Tracker, job *projections.TrackedJob, sh *projections.TrackedSh) command {
	return command{job: job.Index, jobID: job.ID, seq: sh.Seq, cmd: clip(sh.Cmd, c.limits.command), offset: projections.Span(run.FirstAtMs, sh.StartedAtMs)}
}

func (c *commands) closed(step *projections.Step) command {
	row := c.row(step.Run, step.Job, step.Sh)
	row.code, row.elapsed = projections.Some(step.ExitCode), projections.Span(step.Sh.StartedAtMs, step.AtMs)
	row.nth = c.closes[step.Job.Index]
	return row
}

// clip returns a copy of the first characters of a text, plus one character that shows that it
// continues.
func clip(s string, characters int) string {
	end := 0
	for n := 0; n <= characters && end < len(s); n++ {
		_, size := utf8.DecodeRuneInString(s[end:])
		end += size
	}
	return strings.Clone(s[:end])
}
