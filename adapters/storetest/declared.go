package storetest

import (
	"reflect"
	"strings"

	"github.com/quire-ci/quire-project/projections"
)

// Set has the built-in projections and some of the suite's own. These have columns of every type
// and names with a meaning in SQL, keys of several columns, a single row per run, the maximum
// number of columns, and rows that are final at once, later, or never.
var Set = setOf(everyTypes, marks, turns, crowds, retries)

func setOf(added ...projections.AnyDefinition) *projections.Set {
	set, err := projections.NewSet(added...)
	if err != nil {
		panic(err)
	}
	return set
}

// reducer is a projection made of functions; S is its state. The functions may be nil.
type reducer[S any, R comparable] struct {
	State  S
	reduce func(*S, *projections.Step, []projections.Row[R]) []projections.Row[R]
	open   func(*S, *projections.Tracker, []projections.Row[R]) []projections.Row[R]
}

func (r *reducer[S, R]) Reduce(step *projections.Step, rows []projections.Row[R]) []projections.Row[R] {
	if r.reduce == nil {
		return rows
	}
	return r.reduce(&r.State, step, rows)
}

func (r *reducer[S, R]) Open(run *projections.Tracker, rows []projections.Row[R]) []projections.Row[R] {
	if r.open == nil {
		return rows
	}
	return r.open(&r.State, run, rows)
}

// declare declares a projection whose reducer is a copy of the given one.
func declare[S any, R comparable](of reducer[S, R], d projections.Declaration[R]) *projections.Defined[R] {
	d.Version = max(d.Version, 1)
	d.New = func() projections.Projection[R] {
		fresh := of
		return &fresh
	}
	return projections.Define(d)
}

func row[R comparable](index int, final bool, value R) projections.Row[R] {
	return projections.Row[R]{Index: index, Final: final, Value: value}
}

type everyType struct {
	JobID      string                              `json:"job_id"`
	Seq        int                                 `json:"seq"`
	Text       string                              `json:"select"`
	Small      int32                               `json:"small"`
	Big        int64                               `json:"order"`
	Yes        bool                                `json:"yes"`
	State      projections.State                   `json:"state"`
	MaybeText  projections.Null[string]            `json:"user"`
	MaybeSmall projections.Null[int32]             `json:"group"`
	MaybeInt   projections.Null[int]               `json:"default"`
	MaybeBig   projections.Null[int64]             `json:"end"`
	MaybeYes   projections.Null[bool]              `json:"null"`
	MaybeState projections.Null[projections.State] `json:"rowid"`
}

// everyTypes has a row for each command, which is final when the command has closed.
var everyTypes = declare(reducer[struct{}, everyType]{
	reduce: func(_ *struct{}, step *projections.Step, rows []projections.Row[everyType]) []projections.Row[everyType] {
		if !step.ShCloses {
			return rows
		}
		value := startedType(step.Job, step.Sh)
		value.State, value.Small, value.Yes = projections.Complete, step.ExitCode, step.ExitCode == 0
		value.MaybeText, value.MaybeSmall, value.MaybeInt = some(step.Sh.Cmd+"\x00"), some(step.ExitCode), some(-step.Sh.Seq)
		value.MaybeBig, value.MaybeYes, value.MaybeState = some(step.AtMs), some(step.ExitCode != 0), some(projections.Failed)
		return append(rows, row(step.Sh.Index, true, value))
	},
	open: func(_ *struct{}, run *projections.Tracker, rows []projections.Row[everyType]) []projections.Row[everyType] {
		run.EachOpenSh(func(job *projections.TrackedJob, sh *projections.TrackedSh) {
			rows = append(rows, row(sh.Index, false, startedType(job, sh)))
		})
		return rows
	},
}, projections.Declaration[everyType]{
	Name: "every_type", Key: []string{"seq", "job_id"},
	Indexes: []projections.Index{{Name: "small", Columns: "small DESC, run_id", Where: "yes"}},
})

func startedType(job *projections.TrackedJob, sh *projections.TrackedSh) everyType {
	return everyType{JobID: job.ID, Seq: sh.Seq, Text: sh.Cmd, Big: sh.StartedAtMs, State: projections.Active}
}

type mark struct {
	Events int64                    `json:"events"`
	Last   projections.Null[string] `json:"last"`
	Named  projections.Null[bool]   `json:"named"`
}

// marks has one row per run.
var marks = declare(reducer[mark, mark]{
	reduce: func(m *mark, step *projections.Step, rows []projections.Row[mark]) []projections.Row[mark] {
		m.Events++
		m.Named = some(step.Job != nil)
		if step.Job != nil {
			m.Last = some(step.Job.ID)
		}
		return rows
	},
	open: func(m *mark, _ *projections.Tracker, rows []projections.Row[mark]) []projections.Row[mark] {
		return append(rows, row(0, false, *m))
	},
}, projections.Declaration[mark]{Name: "marks", Single: true})

type turn struct {
	Starts bool   `json:"starts"`
	JobID  string `json:"job_id"`
	Kind   string `json:"kind"`
	Code   int32  `json:"code"`
	AtMs   int64  `json:"at_ms"`
	Line   int64  `json:"line"`
}

// turns has a row for each event that starts or ends a job. It is final at once, and all columns
// belong to the key.
var turns = declare(reducer[int, turn]{
	reduce: func(count *int, step *projections.Step, rows []projections.Row[turn]) []projections.Row[turn] {
		if !step.JobStarts && !step.JobEnds {
			return rows
		}
		*count++
		return append(rows, row(*count-1, true, turn{
			Starts: step.JobStarts, JobID: step.Job.ID, Kind: step.Kind.String(), Code: int32(step.Outcome), AtMs: step.AtMs, Line: step.Line,
		}))
	},
}, projections.Declaration[turn]{
	Name: "turns", Table: "order", Key: []string{"job_id", "starts", "kind", "code", "at_ms", "line"},
})

// crowds has a row with many columns for each job, which is never final.
var crowds = declare(reducer[struct{}, crowd]{
	open: func(_ *struct{}, run *projections.Tracker, rows []projections.Row[crowd]) []projections.Row[crowd] {
		for job := range run.Jobs() {
			value := crowd{JobID: job.ID}
			numbers := reflect.ValueOf(&value).Elem()
			for i := 1; i < numbers.NumField(); i++ {
				numbers.Field(i).SetInt(int64(i * (job.Index + 1)))
			}
			rows = append(rows, row(job.Index, false, value))
		}
		return rows
	},
}, projections.Declaration[crowd]{Name: "crowds", Key: []string{"job_id"}})

type retry struct {
	JobID    string                  `json:"job_id"`
	FirstSeq int                     `json:"first_seq"`
	Cmd      string                  `json:"cmd"`
	Times    int                     `json:"times"`
	Failed   int                     `json:"failed"`
	LastMs   projections.Null[int64] `json:"last_ms"`
}

// retryState has the commands in the order of their first starts, those that were started again, in
// the order of their second starts, and where each is.
type retryState struct {
	Commands []retry                   `json:"commands"`
	Again    []int                     `json:"again"`
	Known    map[string]map[string]int `json:"known"`
}

// retries has a row for each command that a job has started at least twice, which is never
// final.
var retries = declare(reducer[retryState, retry]{
	reduce: func(s *retryState, step *projections.Step, rows []projections.Row[retry]) []projections.Row[retry] {
		switch {
		case step.ShOpens:
			s.starts(step)
		case step.ShCloses:
			s.closes(step)
		}
		return rows
	},
	open: func(s *retryState, _ *projections.Tracker, rows []projections.Row[retry]) []projections.Row[retry] {
		for i, command := range s.Again {
			rows = append(rows, row(i, false, s.Commands[command]))
		}
		return rows
	},
}, projections.Declaration[retry]{Name: "retries", Key: []string{"job_id", "first_seq"}})

func (s *retryState) starts(step *projections.Step) {
	known := s.Known[step.Job.ID]
	if known == nil {
		known = map[string]int{}
		if s.Known == nil {
			s.Known = map[string]map[string]int{}
		}
		s.Known[strings.Clone(step.Job.ID)] = known
	}
	i, ok := known[step.Sh.Cmd]
	if !ok {
		i = len(s.Commands)
		cmd := strings.Clone(step.Sh.Cmd)
		known[cmd] = i
		s.Commands = append(s.Commands, retry{JobID: step.Job.ID, FirstSeq: step.Sh.Seq, Cmd: cmd})
	}
	if s.Commands[i].Times++; s.Commands[i].Times == 2 {
		s.Again = append(s.Again, i)
	}
}

func (s *retryState) closes(step *projections.Step) {
	c := &s.Commands[s.Known[step.Job.ID][step.Sh.Cmd]]
	c.LastMs = some(step.AtMs)
	if step.ExitCode != 0 {
		c.Failed++
	}
}
