package domain

// Kind is the kind of an [Event].
type Kind uint8

const (
	// NoEvent is the zero Kind: an [Entry] whose line holds no event.
	NoEvent Kind = iota
	// Unknown is the kind of all types that this version does not know. Such an event is
	// counted and kept; it is never an error.
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
	// RunStarted: a run starts, with its [Labels].
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

// String returns the name of k on the wire; "unknown" for [Unknown].
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// KindOf returns the kind with this name on the wire, or [Unknown].
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

// Outcome says how a job or a run ended. On the wire, a job is "complete" or "failed", and a
// run "succeeded" or "pipeline_failure".
type Outcome uint8

const (
	// NoOutcome is the zero Outcome, of events that end no job or run.
	NoOutcome Outcome = iota
	// Complete is the outcome of a successful job or run.
	Complete
	// Failed is the outcome of a failed job or run.
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
