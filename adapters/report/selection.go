package report

import (
	"container/heap"
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
	// Failed selects jobs that failed, and commands that failed: a command with a code other than 0
	// in a job that is complete has not.
	Failed bool
	// Jobs are ids of jobs. They select rows of other projections that name a job, too.
	Jobs []string
	// SlowerThan selects jobs and commands that took longer.
	SlowerThan time.Duration
	// Top selects so many jobs and so many commands: those that took longest, ties in stream order,
	// among those for which the other conditions hold.
	Top int

	found *sync.Map // ids of Jobs that a run has, if it is set
}

// IsZero reports whether all rows are selected.
func (s Selection) IsZero() bool {
	return !s.Failed && len(s.Jobs) == 0 && s.SlowerThan == 0 && s.Top == 0
}

func (s *Selection) matches(job string, verdict display.Verdict, ms projections.Null[int64]) bool {
	return (len(s.Jobs) == 0 || slices.Contains(s.Jobs, job)) && (!s.Failed || verdict == display.Failed) &&
		(s.SlowerThan == 0 || ms.Valid && ms.V > s.SlowerThan.Milliseconds()) && (s.Top == 0 || ms.Valid)
}

// missing returns an error if no run has one of the jobs.
func (s *Selection) missing() error {
	for _, job := range s.Jobs {
		if _, found := s.found.Load(job); !found {
			return fmt.Errorf("there is no job %s; name one that a run has", shownID(display.Name(job)))
		}
	}
	return nil
}

// ErrSelection is returned if a format that shows whole runs is asked for some of the rows.
var ErrSelection = errors.New("--failed, --job, --slower-than and --top are for json, ndjson, csv, table and markdown; the other formats show whole runs")

// selector decides which jobs and commands of a run are selected, each as soon as that is known. It is
// a projection without rows, and the first member of a fold. A nil selector selects all rows.
type selector struct {
	Selection
	jobs, commands fates
	exits          map[int][]lasting // by job: its commands with a code other than 0, until it ends
	bySeq          map[string][]int  // by job: the indexes of its commands
	filters        []*filter
}

func newSelector(s Selection) *selector {
	if s.IsZero() {
		return nil
	}
	return &selector{Selection: s, exits: map[int][]lasting{}, bySeq: map[string][]int{}}
}

func (s *selector) Reduce(step *projections.Step, rows []projections.Row[none]) []projections.Row[none] {
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
	return rows
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

// Open is called once, at the end of the stream: it decides on all others.
func (s *selector) Open(run *projections.Tracker, rows []projections.Row[none]) []projections.Row[none] {
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
		for _, row := range f.longest {
			f.all[row.index] = selected
		}
	}
	s.sift()
	return rows
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
		if heap.Push(&f.longest, row); len(f.longest) > s.Top {
			f.all[heap.Pop(&f.longest).(lasting).index] = rejected
		}
	}
}

// fate says whether a row is selected.
type fate uint8

const (
	undecided fate = iota
	selected
	rejected
)

// fates are those of jobs or of commands.
type fates struct {
	all     []fate // by index
	longest ranking
}

func (f *fates) of(index int) fate {
	if index >= len(f.all) {
		return undecided
	}
	return f.all[index]
}

// lasting is a job or a command, and how long it took.
type lasting struct {
	index int
	ms    projections.Null[int64]
}

// ranking is a heap of rows of known durations. The first is the shortest; of rows that took equally
// long, it is the last one in the stream.
type ranking []lasting

func (r ranking) Len() int      { return len(r) }
func (r ranking) Swap(i, j int) { r[i], r[j] = r[j], r[i] }
func (r ranking) Less(i, j int) bool {
	return r[i].ms.V < r[j].ms.V || r[i].ms.V == r[j].ms.V && r[i].index > r[j].index
}
func (r *ranking) Push(row any) { *r = append(*r, row.(lasting)) }
func (r *ranking) Pop() any {
	last := (*r)[len(*r)-1]
	*r = (*r)[:len(*r)-1]
	return last
}

// member is [projections.Definition.Member] for the rows that are selected. Sorted rows come at the
// end, in the order of the projection, and have the indexes from 0.
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

// fatesOf returns how the rows of a projection are selected, or nil if all are.
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

// named is the fate of a row that names a job, or none.
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
	most   int // rows to hold before rejected ones are looked for
}

// leastSifted is how many rows are held at least before rejected ones are looked for.
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

// sift decides on the rows that are held.
func (f *filter) sift() {
	held := f.held
	f.held, f.most = f.rows(), held.Len()+1
	for i := range held.Len() {
		f.row(held.At(i))
	}
	f.most = max(leastSifted, 2*f.held.Len())
}

// sift passes on the rows that were undecided until now.
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
