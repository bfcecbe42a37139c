package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/pipeline"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

func (p program) validateCommand() *cobra.Command {
	var workspace string
	cmd := help.Command("validate", &cobra.Command{
		Args: command.NoArguments,
		RunE: func(*cobra.Command, []string) error {
			loaded, err := pipeline.Load(workspace)
			if err != nil {
				return err
			}
			return printJobs(p.Out, loaded)
		},
	})
	addWorkspace(cmd, &workspace)
	return cmd
}

// printJobs lists the jobs of a pipeline in their order.
func printJobs(out io.Writer, loaded *pipeline.Loaded) error {
	about := map[string]string{}
	for _, job := range loaded.File.Jobs {
		about[job.ID.Value] = command.Plural(len(job.Commands), "command")
		if len(job.Needs) > 0 {
			about[job.ID.Value] += ", after " + strings.Join(pipeline.Values(job.Needs), ", ")
		}
	}
	var text strings.Builder
	fmt.Fprintln(&text, report.Printable(fmt.Sprintf("%s is valid: %s", loaded.Path, command.Plural(len(about), "job"))))
	for _, id := range loaded.Pipeline.Order() {
		fmt.Fprintln(&text, report.Printable(fmt.Sprintf("  %s: %s", id, about[id])))
	}
	_, err := io.WriteString(out, text.String())
	return err
}
