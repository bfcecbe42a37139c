// Package shell runs a pipeline of jobs and records the run: its event stream,
// and a log of each command's output. The body of a job is a Go function that runs
// commands with a [Shell].
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
// # What the stream records
//
// Jobs run one after the other, each after the jobs that it needs. The run stops
// at the first job that fails. Each event is in the stream before anything else
// happens, in this order:
//
//	run_started            at the beginning, if the run has labels
//	job_started            before the call of the body
//	  sh_started           before the start of the process
//	  sh_finished          after the process has exited and all of its output is in the log
//	job_finished           after the body has returned
//	run_finished           at the end
//
// The commands of a job never overlap. If its body calls the Shell from several
// goroutines, the calls wait for each other. So each sh_finished belongs to the
// sh_started before it, and the output of the nth command of a job is in
//
//	LOGS/jobs/<job id>/sh-<n>.log
//
// The run does nothing that it cannot record. When it cannot write an event, it
// writes no more events, starts no process, and ends with a [*RecordError]. When it
// cannot write a log, it stops the command and ends in the same way.
//
// After a kill -9 the stream has the events up to that moment; a command or a job
// that was running stays open.
//
// # When a command ends
//
// A command is a process group of its own. It ends when its shell has exited.
// Background processes of the shell may continue while they hold the command's output
// open, at most for [Options.Grace]; then they are killed. So `tool > >(tee log)`
// loses nothing, and `server &` does not block the run. Background processes that
// do not hold the output are killed at once. To start a service for several commands,
// start it in the body, or have it leave the group before it closes the output:
// `setsid sh -c 'exec server > server.log 2>&1' &`. No command has a terminal.
//
// When the context ends, the group gets a SIGTERM, and a SIGKILL after the grace
// period. The events record the actual exit code.
//
// # Logs
//
// A log has the format in which Kubernetes keeps containers' output (the CRI log format):
//
//	2026-11-23T14:41:54.217000000Z stdout F go: downloading pgregory.net/rapid v1.3.0
//	2026-11-23T14:41:54.301000000Z stderr P Compiling
//
// F is a line, P a piece of a line that is longer than 16 KiB, has had no end for a
// second, or never gets one. A log therefore has all bytes of the output: F stands
// for its text and a line feed, P for its text. The text can be any bytes, UTF-8 or
// not. Times and order are those in which the output arrived; stdout and stderr are
// two pipes.
//
// # Secrets
//
// The run masks the secrets in [Options.Secrets] in commands and logs before it writes
// anything, however the output was split on its way. It masks each secret and, if the
// secret has several lines, each line of at least 8 bytes, without surrounding white
// space: as it is; with any characters other than letters and digits escaped as in URLs,
// JSON, HTML, XML, shells and most languages, in any mixture; and in base64, on one line
// or several. Where occurrences overlap, it masks everything that they cover.
//
// This is a safety net, not a guarantee: a secret that a command prints backwards, in
// hexadecimal, encoded twice, or half to stdout and half to stderr is not masked. Neither
// are ids of jobs and errors of bodies.
package shell
