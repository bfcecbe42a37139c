package pipeline

import "time"

// File is what a pipeline's file says.
type File struct {
	// Secrets are the names of environment variables whose values are secret.
	Secrets []Text
	// Env are variables that commands have besides those of the environment, and
	// instead of those that have the same name.
	Env []Variable
	// Shell runs the commands of jobs that do not name their own.
	Shell Shell
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
	// Shell runs the job's commands, and Dir is the folder that they run in. Both are empty
	// if the job does not say.
	Shell Shell
	Dir   Text
	// Env are variables that the job's commands have besides those of the file, and instead
	// of those that have the same name.
	Env []Variable
	// Timeout is how long the job may take; as long as it likes, if 0.
	Timeout time.Duration
}

// Shell is the program that runs commands, and its arguments, as the file has them.
type Shell []Text

// Command returns the program and the arguments that come before a command. A program without
// any is a shell: it gets "-c", and "--" so that no command is taken for options.
func (s Shell) Command() []string {
	var command []string
	for _, text := range s {
		command = append(command, text.Value)
	}
	if len(command) == 1 {
		command = append(command, "-c", "--")
	}
	return command
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
