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

// Main runs the command of the program's arguments with the built-in and the added projections, and
// exits with its status.
func Main(added ...projections.AnyDefinition) {
	tuneMemory(200) // usually little data is live compared with what is allocated
	ctx, stop := signal.NotifyContext(context.Background(), heeded()...)
	context.AfterFunc(ctx, stop) // a second Ctrl-C kills a program that does not stop
	status := Run(ctx, os.Args[1:], os.Stdout, os.Stderr, added...)
	stop()
	os.Exit(status)
}

// Run runs a command, such as ["run.jsonl", "--to", "json"], with the built-in and the added
// projections, and returns its exit status. The end of ctx has the effect of Ctrl-C. For invalid
// projections, Run writes an error to stderr and returns 2.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer, added ...projections.AnyDefinition) int {
	std := stdio{stdout, stderr}
	set, err := projections.NewSet(added...)
	if err != nil {
		tell(std.err, command.Usage("%w", err))
		return statusUsage
	}
	return (&app{std, set}).run(ctx, args)
}

// heeded returns the signals that end the program in an orderly way, without leaving temporary files.
// A SIGHUP that is ignored at the start stays ignored, as nohup(1) requires.
func heeded() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// tuneMemory sets by what percentage of the live heap the heap grows between collections. GOGC takes
// precedence.
func tuneMemory(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}
