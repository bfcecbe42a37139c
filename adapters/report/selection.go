package report

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/projections"
)

// Selection selects the rows of jobs and commands for which all of its conditions hold. The zero
// value selects all rows.
type Selection struct {
	// Failed selects jobs and commands that failed. A command with an exit code other than 0 in a
	// complete job has not failed.
	Failed bool
	// Jobs selects jobs by id. It also applies to rows of other projections that name a job.
	Jobs []string
	// SlowerThan selects jobs and commands that took longer than this.
	SlowerThan time.Duration
	// Top selects that many jobs and that many commands: the longest of those that meet the other
	// conditions; of equally long ones, the first in the stream.
	Top int

	found *sync.Map // if not nil, the ids of Jobs that some run has
}

// IsZero reports whether all rows are selected.
func (s Selection) IsZero() bool {
	return !s.Failed && len(s.Jobs) == 0 && s.SlowerThan == 0 && s.Top == 0
}

func (s *Selection) matches(job string, verdict display.Verdict, ms projections.Null[int64]) bool {
	return (len(s.Jobs) == 0 || slices.Contains(s.Jobs, job)) && (!s.Failed || verdict == display.Failed) &&
		(s.SlowerThan == 0 || ms.Valid && ms.V > s.SlowerThan.Milliseconds()) && (s.Top == 0 || ms.Valid)
}

// missing returns an error if one of the jobs is in no run.
func (s *Selection) missing() error {
	for _, job := range s.Jobs {
		if _, found := s.found.Load(job); !found {
			return fmt.Errorf("there is no job %s; name one that a run has", shownID(display.Name(job)))
		}
	}
	return nil
}

// ErrSelection is returned if rows are selected for a format that shows whole runs.
var ErrSelection = errors.New("--failed, --job, --slower-than and --top are for json, ndjson, csv, table and markdown; the other formats show whole runs")

// selector decides which jobs and commands of a run are selected, each as soon as possible. It is the
// first member of a fold. A nil selector selects all rows.
type selector struct {
	Selection
	jobs, commands fates
	exits          map[int][]lasting // commands with an exit code other than 0 of open jobs, by job
	bySeq          map[string][]int  // indexes of the commands, by job
	filters        []*filter
}

func newSelector(s Selection) *selector {
	if s.IsZero() {
		return nil
	}
	return &selector{Selection: s, exits: map[int][]lasting{}, bySeq: map[string][]int{}}
}

func (s *selector) step(step *projections.Step) {
	job := step.Job
	switch {
	case step.ShOpens:
		s.bySeq[job.ID] = append(s.bySeq[job.ID], step.Sh.Index)
	case step.ShCloses:
		sh := lasting{step.Sh.Index, projections.Span(step.Sh.StartedAtMs, step.AtMs)}
		if step.ExitCode != 0 && !job.Final && s.Failed {
			s.exits[job.Index] = append(s.exits[job.Index], sh)
			break
		}
		s.decide(&s.commands, job.ID, display.OfCommand(projections.Some(step.ExitCode), stateOf(job)), sh)
	case step.JobEnds:
		waiting := len(s.exits[job.Index]) > 0
		if s.job(job); waiting && s.Top == 0 {
			s.sift()
		}
	}
}

// job decides on a job, and on its commands that waited for its end.
func (s *selector) job(job *projections.TrackedJob) {
	took := projections.Null[int64]{}
	if job.Started && job.Final {
		took = projections.Span(job.StartedAtMs, job.FinishedAtMs)
	}
	s.decide(&s.jobs, job.ID, display.OfJob(stateOf(job)), lasting{job.Index, took})
	for _, sh := range s.exits[job.Index] {
		s.decide(&s.commands, job.ID, display.OfCommand(projections.Some[int32](1), stateOf(job)), sh)
	}
	delete(s.exits, job.Index)
}

// open, at the end of the stream, decides on all others.
func (s *selector) open(run *projections.Tracker) {
	for job := range run.Jobs() {
		if !job.Final {
			s.job(job)
		}
		if s.found != nil && slices.Contains(s.Jobs, job.ID) {
			s.found.Store(job.ID, nil)
		}
	}
	run.EachOpenSh(func(job *projections.TrackedJob, sh *projections.TrackedSh) {
		s.decide(&s.commands, job.ID, display.Unfinished, lasting{index: sh.Index})
	})
	for _, f := range []*fates{&s.jobs, &s.commands} {
		f.shorten(s.Top)
		for _, row := range f.longest {
			f.all[row.index] = selected
		}
	}
	s.sift()
}

func (s *selector) decide(f *fates, job string, verdict display.Verdict, row lasting) {
	for len(f.all) <= row.index {
		f.all = append(f.all, undecided)
	}
	switch {
	case !s.matches(job, verdict, row.ms):
		f.all[row.index] = rejected
	case s.Top == 0:
		f.all[row.index] = selected
	default:
		if f.longest = append(f.longest, row); len(f.longest)/2-leastSifted >= s.Top {
			f.shorten(s.Top)
		}
	}
}

// fate is the decision on a row: undecided, selected or rejected.
type fate uint8

const (
	undecided fate = iota
	selected
	rejected
)

// fates has the decisions on jobs or on commands.
type fates struct {
	all     []fate    // by index
	longest []lasting // of Top, and some more
}

func (f *fates) of(index int) fate {
	if index >= len(f.all) {
		return undecided
	}
	return f.all[index]
}

// lasting is a job or a command with its duration.
type lasting struct {
	index int
	ms    projections.Null[int64]
}

// shorten rejects all but so many rows: those that took longest and, of rows that took equally long, the
// first ones in the stream.
func (f *fates) shorten(most int) {
	slices.SortFunc(f.longest, func(a, b lasting) int { return cmp.Or(cmp.Compare(b.ms.V, a.ms.V), cmp.Compare(a.index, b.index)) })
	for _, row := range f.longest[min(most, len(f.longest)):] {
		f.all[row.index] = rejected
	}
	f.longest = f.longest[:min(most, len(f.longest))]
}

// member is like [projections.Definition.Member], for the selected rows only. Sorted rows are
// delivered at the end, in the order of the projection, and numbered from 0.
func (s *selector) member(d *projections.Definition, sorted bool, take func(projections.AnyRow)) projections.Member {
	if s == nil {
		return d.Member(take)
	}
	of := s.fatesOf(d)
	if of == nil {
		return d.Member(take)
	}
	f := &filter{of: of, take: take, sorted: sorted, rows: d.NewRows, held: d.NewRows(), most: leastSifted}
	s.filters = append(s.filters, f)
	return d.Member(f.row)
}

// fatesOf returns how the fate of a row of a projection is found, or nil if all rows are selected.
func (s *selector) fatesOf(d *projections.Definition) func(projections.AnyRow) fate {
	switch d {
	case projections.Jobs.Definition, projections.JobTimings.Definition:
		return func(row projections.AnyRow) fate { return s.jobs.of(row.Index) }
	case projections.ShEvents.Definition, projections.ShTimings.Definition:
		return func(row projections.AnyRow) fate { return s.commands.of(row.Index) }
	case projections.Slowest.Definition:
		return func(row projections.AnyRow) fate {
			sh := projections.Slowest.At(row.Value)
			return s.commands.of(s.bySeq[sh.JobID][sh.Seq-1])
		}
	}
	at := slices.IndexFunc(d.Columns, func(c projections.Column) bool { return c.Name == "job_id" && c.Type == projections.Text })
	if at < 0 || len(s.Jobs) == 0 {
		return nil
	}
	return func(row projections.AnyRow) fate {
		job := &d.Columns[at]
		return s.named(job.Text(row.Value), !job.IsNull(row.Value))
	}
}

// named returns the fate of a row that names a job, or no job.
func (s *selector) named(job string, names bool) fate {
	if names && len(s.Jobs) > 0 && !slices.Contains(s.Jobs, job) {
		return rejected
	}
	return selected
}

// filter passes on the selected rows of a projection.
type filter struct {
	of     func(projections.AnyRow) fate
	take   func(projections.AnyRow)
	sorted bool
	rows   func() projections.Rows
	held   projections.Rows
	most   int // number of held rows at which rejected ones are removed
}

// leastSifted is the least number of held rows at which rejected ones are removed.
const leastSifted = 1024

func (f *filter) row(row projections.AnyRow) {
	switch fate := f.of(row); {
	case fate == rejected:
	case fate == selected && !f.sorted:
		f.take(row)
	default:
		if f.held.Add(row); f.held.Len() >= f.most {
			f.sift()
		}
	}
}

// sift passes on or removes held rows that are decided.
func (f *filter) sift() {
	held := f.held
	f.held, f.most = f.rows(), held.Len()+1
	for i := range held.Len() {
		f.row(held.At(i))
	}
	f.most = max(leastSifted, 2*f.held.Len())
}

// sift sifts the held rows of all filters.
func (s *selector) sift() {
	for _, f := range s.filters {
		if !f.sorted && f.held.Len() > 0 {
			f.sift()
		}
	}
}

// finish passes on the sorted rows.
func (s *selector) finish() {
	for _, f := range s.filters {
		f.sift()
		order := make([]int, f.held.Len())
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(a, b int) int { return f.held.At(a).Index - f.held.At(b).Index })
		for n, i := range order {
			row := f.held.At(i)
			row.Index = n
			f.take(row)
		}
	}
}
