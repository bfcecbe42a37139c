package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/projections"
)

// stdio has the outputs of a command.
type stdio struct {
	out io.Writer
	err io.Writer
}

// app is the command with its projections.
type app struct {
	stdio
	set *projections.Set
}

// run runs the program, and returns its exit status.
func (p *app) run(ctx context.Context, args []string) int {
	err := command.Stdio{Name: name, Out: p.out, Err: p.err}.Execute(ctx, p.command(), args)
	tell(p.err, err)
	return statusOf(err)
}

const name = "quire-project"

// command returns the root command with all others.
func (p *app) command() *cobra.Command {
	given := projectFlags{set: p.set}
	root := help.Command("quire-project", &cobra.Command{
		Args:              p.someSources,
		ValidArgsFunction: completeSources,
		RunE: func(cmd *cobra.Command, args []string) error {
			if isAddress(given.to) {
				return ingest(cmd.Context(), args, given, p)
			}
			return project(cmd.Context(), args, given, p)
		},
	})
	given.add(root)
	root.AddCommand(newCheck(p), newLog(p), newRebuild(p), newVerify(p), newFollow(p), newPublish(p), newSubscribe(p), newQuarantine(p),
		newProjections(p), newSchema(p))
	return root
}
