package pipeline

// File is what a pipeline's file says.
type File struct {
	// Secrets are the names of environment variables whose values are secret.
	Secrets []Text
	// Env are variables that commands have besides those of the environment, and
	// instead of those that have the same name.
	Env []Variable
	// Jobs are in the order of the file.
	Jobs []Job
}

// Job is a job as the file has it.
type Job struct {
	// At is where the job begins.
	At Position
	// ID names the job. It is empty if the file has none, or none that can be
	// read, and there is a problem then.
	ID Text
	// Needs are the ids of the jobs that have to be complete before this one.
	Needs []Text
	// Commands are to run one after the other.
	Commands []Text
}

// Text is a text that stands somewhere.
type Text struct {
	Value string
	At    Position
}

// Variable is an environment variable.
type Variable struct {
	Name, Value string
	At          Position
}
