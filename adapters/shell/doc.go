// Package shell runs a pipeline of jobs and records the run: its event stream,
// and a log of each command's output. A job's body is a Go function that is
// handed a [Shell] to run commands with.
//
//	pipeline, err := shell.New(
//		shell.Job{ID: "build", Run: func(ctx context.Context, sh *shell.Shell) error {
//			return sh.Run(ctx, "go build ./...")
//		}},
//		shell.Job{ID: "test", Needs: []string{"build"}, Run: func(ctx context.Context, sh *shell.Shell) error {
//			return sh.Run(ctx, "go test ./...")
//		}},
//	)
//	…
//	result, err := pipeline.Run(ctx, shell.Options{Sink: sink, Logs: "out"})
//
// # What is recorded
//
// Jobs run one after the other, each after those that it needs, and the run
// stops at the first one that fails. What has happened is in the stream, in
// this order, before anything else happens:
//
//	run_started            at the beginning, if the run has labels
//	job_started            before the body is called
//	  sh_started           before the process is spawned
//	  sh_finished          after it has exited and all of its output is in the log
//	job_finished           after the body has returned
//	run_finished           at the end
//
// A job's commands never overlap, even if its body calls the Shell from several
// goroutines: they wait for each other. So each sh_finished belongs to the
// sh_started before it, and the nth command of a job has its output in
//
//	LOGS/jobs/<job id>/sh-<n>.log
//
// What cannot be recorded is not done. When an event cannot be written, nothing
// more is: no process is spawned, and the run ends with a [*RecordError]. It ends so
// too when a log cannot be written; the command is stopped then.
//
// The stream is as true as the process that writes it is alive. After a kill -9
// there are the events of what had happened; a command or a job that was going
// on stays open.
//
// # When a command is over
//
// A command is a process group of its own. It is over when its shell has
// exited. What the shell has left running in the background may go on for as
// long as it holds the command's output, at most for [Options.Grace], and is
// killed then; so `tool > >(tee log)` loses nothing, and `server &` does not
// hang the run. What does not hold the output is killed at once. A service
// that several commands use is started by the body, or leaves the group before it lets
// go of the output: `setsid sh -c 'exec server > server.log 2>&1' &`. No command has a
// terminal.
//
// When the context ends, the group is sent SIGTERM, and SIGKILL when the grace
// period is over. The events say what the process really ended with.
//
// # Logs
//
// A log has the format in which Kubernetes keeps containers' output (the CRI log format):
//
//	2026-11-23T14:41:54.217000000Z stdout F go: downloading pgregory.net/rapid v1.3.0
//	2026-11-23T14:41:54.301000000Z stderr P Compiling
//
// F is a line, P a piece of one: of a line that is longer than 16 KiB, that
// was not ended for a second, or that never was. So the output is all there,
// to the byte: an F stands for its text and a line feed, a P for its text.
// Text is whatever bytes the command wrote, be they UTF-8 or not. The times are
// those at which the output arrived, and so is the order of stdout and stderr,
// which are two pipes.
//
// # Secrets
//
// The secrets in [Options.Secrets] are hidden in commands and in logs before
// anything is written, wherever the output was cut on its way. What is hidden is each secret and,
// if it has several, each of its lines (those of 8 bytes or more, without white space around
// them): as it is; with any of its characters but letters and digits escaped, as URLs, JSON,
// HTML and XML, shells and most languages do it, in whatever mixture; and in base64, on one
// line or on several. Where occurrences overlap, all that they cover is hidden.
//
// That is a net, not a wall: a command that prints a secret backwards, in hexadecimal, encoded
// twice or half to stdout and half to stderr gets through. The names of jobs, and what bodies
// return as errors, are taken as they are.
package shell
