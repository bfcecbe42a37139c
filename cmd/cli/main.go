// Package cli is the command quire-project as a library. With a main of one line, you get the whole
// command with your projections added.
//
//	func main() { cli.Main(retries.Projection) }
//
// This package has flags, wiring and exit statuses. The work is done in adapters and projections.
package cli

import (
	"cmp"
	"context"
	_ "embed"
	"io"
	"os"
	"os/signal"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/signals"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/projections"
)

//go:embed help.txt
var helpText string

var help = command.ParseHelp(helpText)

const name = "quire-project"

// Main runs the command of the program's arguments with the built-in and the added projections, and
// exits with its status.
func Main(added ...projections.AnyDefinition) {
	tuneMemory(200) // usually little of the allocated memory is live
	ctx, stop := signal.NotifyContext(context.Background(), signals.Ending()...)
	context.AfterFunc(ctx, stop) // a second Ctrl-C kills a program that does not stop
	status := Run(ctx, os.Args[1:], os.Stdout, os.Stderr, added...)
	stop()
	os.Exit(status)
}

// Run runs a command, such as ["run.jsonl", "--to", "json"], with the built-in and the added
// projections, and returns its exit status. The end of ctx has the effect of Ctrl-C. For invalid
// projections, Run writes an error to stderr and returns 2.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer, added ...projections.AnyDefinition) int {
	p := &app{Stdio: command.Stdio{Name: name, Out: stdout, Err: stderr}, ctx: ctx}
	var err error
	if p.set, err = projections.NewSet(added...); err != nil {
		err = command.Usage("%w", err)
	} else {
		err = p.Execute(ctx, p.command(), args)
	}
	for _, s := range p.opened {
		err = cmp.Or(err, s.Close())
	}
	tell(p.Err, err)
	return statusOf(err)
}

// tuneMemory sets by what percentage of the live heap the heap grows between collections. GOGC takes
// precedence.
func tuneMemory(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// app is the command with its outputs and projections.
type app struct {
	command.Stdio
	set    *projections.Set
	ctx    context.Context
	opened []io.Closer // the stores among the sources
	keep   bool        // the store is to keep streams
}

// command returns the root command with all others.
func (p *app) command() *cobra.Command {
	root := newProject(p)
	root.AddCommand(newCheck(p), newCompare(p), newLog(p), newRebuild(p), newVerify(p), newVersions(p), newExport(p), newPrune(p), newFollow(p), newServe(p), newToken(p), newPublish(p), newSubscribe(p), newTrends(p), newQuarantine(p),
		newProjections(p), newSchema(p))
	return root
}

// reading returns a command whose arguments are sources.
func (p *app) reading(name string, args cobra.PositionalArgs, run func(ctx context.Context, args []string) error) *cobra.Command {
	cmd := help.Command(name, args, run)
	cmd.ValidArgsFunction = completeSources
	return cmd
}
