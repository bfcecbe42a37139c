package display

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/quire-ci/quire-project/projections"
)

// Verdict is how something went, as people see it.
type Verdict uint8

// The verdicts, the most urgent first.
const (
	Failed Verdict = iota
	// Unfinished is what has no end, or an open job's command that ended with a code.
	Unfinished
	// CompleteSoFar is a run without a run_finished whose jobs are all complete.
	CompleteSoFar
	// Tolerated is a command that ended with a code other than 0 in a complete job.
	Tolerated
	Complete
)

// OfRun returns the verdict on a run.
func OfRun(run *projections.Run) Verdict {
	if run.State == projections.Complete && !run.Ended {
		return CompleteSoFar
	}
	return OfJob(run.State)
}

// OfJob returns the verdict on a job, or on a run that has ended.
func OfJob(state projections.State) Verdict {
	switch state {
	case projections.Complete:
		return Complete
	case projections.Failed:
		return Failed
	}
	return Unfinished
}

// OfCommand returns the verdict on a command by its code and the state of its job.
func OfCommand(code projections.Null[int32], job projections.State) Verdict {
	switch {
	case !code.Valid:
		return Unfinished
	case code.V == 0:
		return Complete
	case job == projections.Complete:
		return Tolerated
	}
	return OfJob(job)
}

// Word is the verdict in words, for whatever has no exit code to show.
func (v Verdict) Word() string {
	return [...]string{"failed", "unfinished", "complete so far", "complete", "complete"}[v]
}

// CommandWord is the word for a command that ended with code, if it ended.
func (v Verdict) CommandWord(code projections.Null[int32]) string {
	if code.Valid && code.V != 0 && v != Failed {
		return Exit(code.V)
	}
	return v.Word()
}

// Mark makes a verdict recognisable where there are no colours.
func (v Verdict) Mark() string { return [...]string{"✗", "…", SoFarMark, " ", "✓"}[v] }

// SoFarMark is the mark of a run that is complete so far.
const SoFarMark = "◐"

// Exit is how people read an exit code.
func Exit(code int32) string { return "exit " + strconv.Itoa(int(code)) }

// Around returns what stands before and behind a run's id in a headline. An id without a
// letter would be read as a number of something: "1 failed" is "run 1: failed".
func Around(id string) (before, behind string) {
	if strings.ContainsFunc(id, unicode.IsLetter) {
		return "", " "
	}
	return "run ", ": "
}

// Name is an id as it is shown: one that is empty can be seen.
func Name(id string) string {
	if id == "" {
		return `""`
	}
	return id
}

// Plural writes a count and what is counted.
func Plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// Span is the time between two moments of one clock, unknown where it would be negative or
// more than an int64 holds.
func Span(from, to int64) projections.Null[int64] {
	if d := to - from; to >= from && d >= 0 {
		return projections.Some(d)
	}
	return projections.Null[int64]{}
}
