// Package runlog finds and reads the logs of a run's commands.
//
// The log of a command is in the folder of the run, beside the stream, at jobs/JOB/sh-N.log. Each of
// its lines is one of the CRI log format of Kubernetes: a time, stdout or stderr, F for a whole line
// or P for a piece of one, and the text.
//
// quire-ci numbers the logs of a job by seq. quire numbers them too, but writes a log when a command
// ends, and so counts only those that ended: a command that could not be spawned has no log, and the
// next one has its number. [Dir] finds the right file for both.
//
// Nothing in a stream or a log is trusted. A job's name never leads out of the folder of the logs, a
// log may have lines of any length, and of the escape sequences in a text only colours reach a
// terminal, see [Safe].
package runlog
