package domain

import "strings"

// Event is one event of a run, as a flat value that can be compared with ==. Which fields
// are used depends on Kind; the others are zero. Use the constructors, which prevent wrong
// combinations.
type Event struct {
	// AtMs is the producer's wall clock in milliseconds since the Unix epoch.
	// It may be negative and may go backwards from one event to the next.
	AtMs int64
	// JobID is the job that the event names, if HasJob. It may be empty.
	JobID string
	// Cmd is the command of a ShStarted.
	Cmd string
	// Type is the name of an Unknown event's type on the wire.
	Type string
	// Extra has values that only few events have. For an Unknown event, it has the members without
	// a field here, as the text of one JSON object with sorted keys; for a RunStarted, its labels,
	// see [Event.Labels]. Otherwise it is empty.
	Extra string
	// ExitCode is the exit code of a ShFinished.
	ExitCode int32
	Kind     Kind
	// Outcome is the outcome of a JobFinished or a RunFinished.
	Outcome Outcome
	// HasJob says that the event names a job: always for job and sh events, never for
	// RunStarted and RunFinished, and for an Unknown event with a job_id.
	HasJob bool
}

// NewRunStarted returns the event of a run that starts, with the run's labels.
func NewRunStarted(atMs int64, labels Labels) Event {
	return Event{Kind: RunStarted, AtMs: atMs, Extra: labels.text}
}

// NewJobStarted returns the event of a job that is about to run.
func NewJobStarted(atMs int64, jobID string) Event {
	return Event{Kind: JobStarted, AtMs: atMs, JobID: valid(jobID), HasJob: true}
}

// NewJobFinished returns the event of a job that has ended with outcome.
func NewJobFinished(atMs int64, jobID string, outcome Outcome) Event {
	return Event{Kind: JobFinished, AtMs: atMs, JobID: valid(jobID), HasJob: true, Outcome: outcome}
}

// NewShStarted returns the event of a command that is about to be spawned.
func NewShStarted(atMs int64, jobID, cmd string) Event {
	return Event{Kind: ShStarted, AtMs: atMs, JobID: valid(jobID), HasJob: true, Cmd: valid(cmd)}
}

// NewShFinished returns the event of a command that has exited with exitCode.
func NewShFinished(atMs int64, jobID string, exitCode int32) Event {
	return Event{Kind: ShFinished, AtMs: atMs, JobID: valid(jobID), HasJob: true, ExitCode: exitCode}
}

// NewRunFinished returns the event that closes a run.
func NewRunFinished(atMs int64, outcome Outcome) Event {
	return Event{Kind: RunFinished, AtMs: atMs, Outcome: outcome}
}

// NewUnknown returns an event of a type that this version does not know.
// extra is the text of a JSON object with its other members, sorted by name and without
// white space; empty if there are none.
func NewUnknown(atMs int64, typ, extra string) Event {
	return Event{Kind: Unknown, AtMs: atMs, Type: valid(typ), Extra: extra}
}

// Labels returns the labels of a RunStarted.
func (e *Event) Labels() Labels {
	if e.Kind != RunStarted {
		return Labels{}
	}
	return Labels{e.Extra}
}

// InJob returns e as an event that names the job jobID. It is meant for
// Unknown events; the constructors of job and sh events take the id.
func (e Event) InJob(jobID string) Event {
	e.JobID, e.HasJob = valid(jobID), true
	return e
}

// TypeName returns the name of the event's type on the wire.
func (e *Event) TypeName() string {
	if e.Kind == Unknown {
		return e.Type
	}
	return e.Kind.String()
}

// valid replaces bytes that are not UTF-8 by U+FFFD, since the wire is UTF-8.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
