package display

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/quire-ci/quire-project/projections"
)

// Verdict says for people how a run, a job or a command went.
type Verdict uint8

// The verdicts, the most urgent first.
const (
	Failed Verdict = iota
	// Unfinished is the verdict on a run, job or command without an end, and on a command
	// that ended with another code than 0 in an open job.
	Unfinished
	// CompleteSoFar is the verdict on a run without a run_finished whose jobs are all complete.
	CompleteSoFar
	// Tolerated is the verdict on a command that ended with another code than 0 in a complete job.
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

// OfCommand returns the verdict on a command with this code in a job of this state.
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

// Word returns the verdict in words, for a run, a job, or a command without an exit code.
func (v Verdict) Word() string {
	return [...]string{"failed", "unfinished", "complete so far", "complete", "complete"}[v]
}

// CommandWord returns the verdict in words, for a command that ended with code or is open.
func (v Verdict) CommandWord(code projections.Null[int32]) string {
	if code.Valid && code.V != 0 && v != Failed {
		return Exit(code.V)
	}
	return v.Word()
}

// Mark returns a sign for the verdict, for places without colours.
func (v Verdict) Mark() string { return [...]string{"✗", "…", SoFarMark, " ", "✓"}[v] }

// SoFarMark is the mark of [CompleteSoFar].
const SoFarMark = "◐"

// Exit returns an exit code in words.
func Exit(code int32) string { return "exit " + strconv.Itoa(int(code)) }

// Around returns the words before and after a run's id in a headline. An id without
// letters would look like a count: "1 failed" becomes "run 1: failed".
func Around(id string) (before, behind string) {
	if strings.ContainsFunc(id, unicode.IsLetter) {
		return "", " "
	}
	return "run ", ": "
}

// Name returns an id, and "" in quotes if it is empty.
func Name(id string) string {
	if id == "" {
		return `""`
	}
	return id
}

// Plural returns a count with its noun, such as "1 job" or "2 jobs".
func Plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
