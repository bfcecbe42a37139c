// Package display has what every view for people shares: text that is safe and fits,
// and the words and marks for how a run, a job and a command went.
//
// A run whose stream has no run_finished is not over. If all its jobs are complete, it is
// "complete so far", which has a mark and a colour of its own: more may come, and it may fail.
//
// What a command's exit code means depends on its job. In a failed job, a command that ended
// with another code than 0 failed. In a complete one it did not: the job's body looked at the
// code and went on. While the job is open, nobody knows yet. In the last two cases people see
// the code itself, as in "exit 7", and nothing counts it as a failure.
package display
