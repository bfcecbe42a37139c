package shell

import (
	"errors"
	"fmt"
	"time"
)

// FailedError ends a run in which a job failed.
type FailedError struct {
	JobID string
	// Err is the error of the job's body, a [*PanicError], or the reason why the job
	// failed although its body succeeded.
	Err error
}

func (e *FailedError) Error() string { return fmt.Sprintf("job %s failed: %v", e.JobID, e.Err) }
func (e *FailedError) Unwrap() error { return e.Err }

// ExitError reports a command that exited with a code other than 0. It does not
// quote the command, which may contain a secret.
type ExitError struct {
	JobID string
	Exit
}

func (e *ExitError) Error() string {
	return fmt.Sprintf("command %d of job %s exited with %d; its output is in %s", e.Seq, e.JobID, e.Code, e.Log)
}

// StartError reports a command that could not be started. Its sh_finished has the
// exit code that shells use: 127 if something was not found, otherwise 126.
type StartError struct {
	JobID string
	Seq   int
	Err   error
}

func (e *StartError) Error() string {
	return fmt.Sprintf("command %d of job %s could not be started: %v", e.Seq, e.JobID, e.Err)
}

func (e *StartError) Unwrap() error { return e.Err }

// RecordError reports that the run was stopped because it could not be recorded.
type RecordError struct {
	// Log is the path of the log that could not be written. It is empty if it was the
	// event stream.
	Log string
	Err error
}

func (e *RecordError) Error() string {
	what := "its event stream"
	if e.Log != "" {
		what = "the log " + e.Log
	}
	return fmt.Sprintf("the run was stopped because %s cannot be written: %v", what, e.Err)
}

func (e *RecordError) Unwrap() error { return e.Err }

// TimeoutError reports a job that exceeded its timeout.
type TimeoutError struct{ Timeout time.Duration }

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("the job exceeded its timeout of %v", e.Timeout)
}

// PanicError reports a panic of a job's body.
type PanicError struct {
	Value any
	// Stack is the stack of the panic in the format of debug.Stack.
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("its body panicked: %v", e.Value) }

// Unwrap returns the panic's value if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

var (
	// ErrOver is the error of a Shell after the body of its job has returned.
	ErrOver = errors.New("the job's body has returned, which ends its commands; wait for them in the body")
	// ErrLogsExist is the error for a folder that already contains logs.
	ErrLogsExist = errors.New("the folder already contains the logs of a run; name another folder")
	// ErrPlatform is the error on systems without process groups.
	ErrPlatform = errors.New("on this system quire cannot end a command together with the processes that it started, so it runs no commands; use a Unix, or WSL on Windows")
	// ErrShortSecret is the error for a secret that is too short to mask.
	ErrShortSecret = errors.New("a secret must have at least 4 bytes, because masking a shorter one would mask other text too; remove it from the list")

	errGoexit = errors.New("its body ended its goroutine with runtime.Goexit")
)
