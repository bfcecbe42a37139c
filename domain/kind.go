package domain

// Kind says what an [Event] reports.
type Kind uint8

const (
	// NoEvent is the zero Kind: an [Entry] whose line holds no event.
	NoEvent Kind = iota
	// Unknown is an event of a type that this version does not know. It is
	// counted and handed on, never an error.
	Unknown
	// JobStarted: a job's body is about to run.
	JobStarted
	// JobFinished: a job's body has returned, with an [Outcome].
	JobFinished
	// ShStarted: a shell command is about to be spawned.
	ShStarted
	// ShFinished: a shell command has exited, with a code.
	ShFinished
	// RunFinished: the run is over, with an [Outcome].
	RunFinished
	// RunStarted: a run begins, with what it is of, its [Labels].
	RunStarted
)

var kindNames = [...]string{
	NoEvent:     "",
	Unknown:     "unknown",
	JobStarted:  "job_started",
	JobFinished: "job_finished",
	ShStarted:   "sh_started",
	ShFinished:  "sh_finished",
	RunFinished: "run_finished",
	RunStarted:  "run_started",
}

// String returns the name that the wire has for k; "unknown" for [Unknown].
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// KindOf returns the kind whose wire name is name, or [Unknown].
func KindOf(name string) Kind {
	switch name {
	case "job_started":
		return JobStarted
	case "job_finished":
		return JobFinished
	case "sh_started":
		return ShStarted
	case "sh_finished":
		return ShFinished
	case "run_finished":
		return RunFinished
	case "run_started":
		return RunStarted
	}
	return Unknown
}

// Outcome says how a job or a run ended. The wire spells it differently for
// the two: a job is "complete" or "failed", a run "succeeded" or
// "pipeline_failure".
type Outcome uint8

const (
	// NoOutcome is the zero Outcome, of events that end nothing.
	NoOutcome Outcome = iota
	// Complete is the outcome of what did all it had to do.
	Complete
	// Failed is the outcome of what did not.
	Failed
)

// String returns "complete", "failed" or, for [NoOutcome], "".
func (o Outcome) String() string {
	switch o {
	case Complete:
		return "complete"
	case Failed:
		return "failed"
	}
	return ""
}
