// Package display is shared by all views for people: it makes text safe and fit, and has
// the words and marks for the verdict on a run, a job or a command.
//
// A run without run_finished is not over. If all its jobs are complete, it is "complete so
// far", with a mark and a colour of its own: more jobs may come, and the run may fail.
//
// The meaning of a command's exit code depends on its job. In a failed job, a command with
// another code than 0 failed. In a complete job it did not: the job's body read the code and
// continued. While the job is open, the meaning is not known yet. In the last two cases views
// show the code, as in "exit 7", and do not count it as a failure.
package display
