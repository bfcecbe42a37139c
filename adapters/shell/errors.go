package shell

import (
	"errors"
	"fmt"
	"time"
)

// FailedError is what a run ends with whose job has failed.
type FailedError struct {
	JobID string
	// Err is what the job's body returned, a [*PanicError], or why the body was
	// not allowed to succeed.
	Err error
}

func (e *FailedError) Error() string { return fmt.Sprintf("job %s failed: %v", e.JobID, e.Err) }
func (e *FailedError) Unwrap() error { return e.Err }

// ExitError says that a command has exited with a code other than 0. It does
// not quote the command, in which there can be a secret.
type ExitError struct {
	JobID string
	Exit
}

func (e *ExitError) Error() string {
	return fmt.Sprintf("command %d of job %s exited with %d; its output is in %s", e.Seq, e.JobID, e.Code, e.Log)
}

// StartError says that a command could not be spawned. Its sh_finished has the
// exit code that a shell gives: 127 where something was not found, else 126.
type StartError struct {
	JobID string
	Seq   int
	Err   error
}

func (e *StartError) Error() string {
	return fmt.Sprintf("command %d of job %s could not be started: %v", e.Seq, e.JobID, e.Err)
}

func (e *StartError) Unwrap() error { return e.Err }

// RecordError says that something could not be recorded, for which the run was
// stopped: what is not recorded is not done.
type RecordError struct {
	// Log is the path of the log that could not be written; empty, if it was
	// the event stream.
	Log string
	Err error
}

func (e *RecordError) Error() string {
	if e.Log == "" {
		return fmt.Sprintf("the run was stopped, its event stream cannot be written: %v", e.Err)
	}
	return fmt.Sprintf("the run was stopped, the log %s cannot be written: %v", e.Log, e.Err)
}

func (e *RecordError) Unwrap() error { return e.Err }

// TimeoutError says that a job has taken too long.
type TimeoutError struct{ Timeout time.Duration }

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("the job's timeout of %v is over", e.Timeout)
}

// PanicError says that a job's body has panicked.
type PanicError struct {
	Value any
	// Stack is that of the panic, as debug.Stack has it.
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("its body panicked: %v", e.Value) }

// Unwrap returns the value that the body panicked with, if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

var (
	// ErrOver is returned by the Shell of a job whose body has returned.
	ErrOver = errors.New("the job's body has returned, and its commands end with it; wait for them in the body")
	// ErrOutputTooLong is returned by [Shell.Output] for a command that writes more than
	// is kept.
	ErrOutputTooLong = errors.New("the output has more than 1 MiB, which is in the log only")

	errGoexit = errors.New("its body ended its goroutine (runtime.Goexit) and did not return")
)
