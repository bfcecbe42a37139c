package projections

import (
	"strings"

	"github.com/quire-ci/quire-project/domain"
)

// Code names a kind of diagnostic.
type Code string

// The codes. Diagnostics of the same event are in this order.
const (
	TornTail            Code = "torn_tail"
	MalformedLine       Code = "malformed_line"
	UnknownType         Code = "unknown_type"
	ClockBackwards      Code = "clock_backwards"
	DuplicateRunStart   Code = "duplicate_run_start"
	DuplicateJobStart   Code = "duplicate_job_start"
	DuplicateJobFinish  Code = "duplicate_job_finish"
	OrphanJobFinish     Code = "orphan_job_finish"
	OrphanShStart       Code = "orphan_sh_start"
	OrphanShFinish      Code = "orphan_sh_finish"
	OverlappingSh       Code = "overlapping_sh"
	EventAfterJobFinish Code = "event_after_job_finish"
	EventAfterRunFinish Code = "event_after_run_finish"
	UnfinishedSh        Code = "unfinished_sh"
)

// Values are all codes, in the order above.
func (Code) Values() []string {
	return []string{
		string(TornTail), string(MalformedLine), string(UnknownType), string(ClockBackwards), string(DuplicateRunStart),
		string(DuplicateJobStart), string(DuplicateJobFinish), string(OrphanJobFinish), string(OrphanShStart), string(OrphanShFinish),
		string(OverlappingSh), string(EventAfterJobFinish), string(EventAfterRunFinish), string(UnfinishedSh),
	}
}

// Meaning describes the code in a few words.
func (c Code) Meaning() string { return meanings[c] }

var meanings = map[Code]string{
	TornTail:            "the stream ends inside a line: its writer died there, or is still writing",
	MalformedLine:       "the line is not an event, and was skipped",
	UnknownType:         "an event of a type that this version does not know",
	ClockBackwards:      "its time is earlier than that of the event before",
	DuplicateRunStart:   "the run has already started; this changes nothing",
	DuplicateJobStart:   "the job has already started; this changes nothing",
	DuplicateJobFinish:  "the job has already ended; this changes nothing",
	OrphanJobFinish:     "the job ends without having started",
	OrphanShStart:       "a command starts in a job that has not started",
	OrphanShFinish:      "a command ends, but none is open in the job; this changes nothing",
	OverlappingSh:       "a command starts while another one of the job is open, which may never have run",
	EventAfterJobFinish: "the job has ended; its row no longer changes",
	EventAfterRunFinish: "the run has ended",
	UnfinishedSh:        "the job ends while one of its commands is open",
}

// Diagnostic is the row of something unusual in a stream.
type Diagnostic struct {
	Code Code `json:"code" doc:"What is odd about the line."`
	// Line counts from 1; Offset is the offset of the line's first byte.
	Line   int64 `json:"line" min:"1" doc:"The line, counted from 1."`
	Offset int64 `json:"offset" min:"0" doc:"Byte offset of the line's start."`
	// JobID is the job that the line names, if it names one.
	JobID Null[string] `json:"job_id" doc:"Job that the line names, if any."`
}

// Diagnostics is the projection "diagnostics": unusual events and lines, in stream order
// and, within one line, in the order of the codes. Every row is final at once. A diagnostic
// never hides a row of another projection.
var Diagnostics = Define(Declaration[Diagnostic]{
	Name: "diagnostics", Version: Version, Key: []string{"position"},
	New: func() Projection[Diagnostic] { return &diagnostics{} },
	Doc: "What is odd about the stream, in its order.",
})

type diagnostics struct {
	Count int `json:"count"`

	jobID string // a copy of the latest job id of an Unknown event
}

func (*diagnostics) Open(_ *Tracker, rows []Row[Diagnostic]) []Row[Diagnostic] { return rows }

func (p *diagnostics) Reduce(step *Step, rows []Row[Diagnostic]) []Row[Diagnostic] {
	if step.Fault != domain.Sound {
		return p.fault(step, rows)
	}
	if step.Kind == domain.Unknown {
		rows = p.report(UnknownType, step, rows)
	}
	if !step.First && step.AtMs < step.PrevAtMs {
		rows = p.report(ClockBackwards, step, rows)
	}
	was := step.JobBefore
	switch step.Kind {
	case domain.RunStarted:
		if !step.RunStarts {
			rows = p.report(DuplicateRunStart, step, rows)
		}
	case domain.JobStarted:
		if was.Open() {
			rows = p.report(DuplicateJobStart, step, rows)
		}
	case domain.JobFinished:
		if was.Final {
			rows = p.report(DuplicateJobFinish, step, rows)
		}
		if !was.Started {
			rows = p.report(OrphanJobFinish, step, rows)
		}
	case domain.ShStarted:
		if !was.Started {
			rows = p.report(OrphanShStart, step, rows)
		}
		if was.OpenSh > 0 {
			rows = p.report(OverlappingSh, step, rows)
		}
	case domain.ShFinished:
		if was.OpenSh == 0 {
			rows = p.report(OrphanShFinish, step, rows)
		}
	}
	if was.Final && (step.Kind == domain.JobStarted || step.Kind == domain.ShStarted || step.Kind == domain.ShFinished) {
		rows = p.report(EventAfterJobFinish, step, rows)
	}
	if step.AfterRun {
		rows = p.report(EventAfterRunFinish, step, rows)
	}
	if step.JobEnds && was.OpenSh > 0 {
		rows = p.report(UnfinishedSh, step, rows)
	}
	return rows
}

func (p *diagnostics) fault(step *Step, rows []Row[Diagnostic]) []Row[Diagnostic] {
	if step.Fault == domain.Torn {
		return p.report(TornTail, step, rows)
	}
	return p.report(MalformedLine, step, rows)
}

func (p *diagnostics) report(code Code, step *Step, rows []Row[Diagnostic]) []Row[Diagnostic] {
	rows, row := addFinal(rows, p.Count)
	row.Code, row.Line, row.Offset = code, step.Line, step.Offset
	switch {
	case step.Job != nil:
		row.JobID = Some(step.Job.ID)
	case step.HasJob: // an Unknown event, whose strings keep the reader's memory alive
		if p.jobID != step.JobID {
			p.jobID = strings.Clone(step.JobID)
		}
		row.JobID = Some(p.jobID)
	}
	p.Count++
	return rows
}
