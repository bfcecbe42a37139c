// Package cli is the command quire-project as a library. With a main of one line, you
// get the whole command with your projections added.
//
//	func main() { cli.Main(retries.Projection) }
//
// This package holds flags, wiring and exit statuses; what is done, is done in
// adapters and projections.
package cli

import (
	"context"
	_ "embed"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/projections"
)

//go:embed help.txt
var helpText string

var help = command.ParseHelp(helpText)

// Main runs the command that the program was started with, with the built-in projections
// and those added, and ends the program with its exit status.
func Main(added ...projections.AnyDefinition) {
	tuneMemory(200) // what is live is small against what passes through, mostly
	ctx, stop := signal.NotifyContext(context.Background(), heeded()...)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends what the first one could not
	status := Run(ctx, os.Args[1:], os.Stdout, os.Stderr, added...)
	stop()
	os.Exit(status)
}

// Run runs a command, such as ["run.jsonl", "--to", "json"], with the built-in projections
// and those added, and returns its exit status. The end of ctx is what Ctrl-C is. What is
// wrong with the projections is an error on stderr, and the status 2.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer, added ...projections.AnyDefinition) int {
	std := stdio{stdout, stderr}
	set, err := projections.NewSet(added...)
	if err != nil {
		tell(std.err, command.Usage("%w", err))
		return statusUsage
	}
	return (&app{std, set}).run(ctx, args)
}

// heeded are the signals that end the program in good order: no temporary file is left.
// A SIGHUP that is ignored from the start stays so, as nohup(1) has it.
func heeded() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// tuneMemory sets by how many percent of what is live the heap grows between collections.
// GOGC comes first.
func tuneMemory(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}
