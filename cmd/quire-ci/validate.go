package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/report"
)

func newValidate(io stdio) *cobra.Command {
	var workspace string
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Say whether a workspace's pipeline can be run",
		Long: `Say whether a workspace's pipeline can be run, and run nothing: print its jobs
in the order in which they would run, or all that is wrong with the file, as
FILE:LINE:COLUMN: what it is and what to do.

Exit status: 0 the file is valid; 5 it is not; 1 it could not be read; 2 wrong
usage.`,
		Example: `  quire-ci validate
  quire-ci validate --workspace ../project`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			loaded, err := load(workspace)
			if err != nil {
				return err
			}
			return loaded.print(io.out)
		},
	}
	addWorkspace(cmd, &workspace)
	return cmd
}

// print lists the jobs in their order.
func (l *loaded) print(out io.Writer) error {
	about := map[string]string{}
	for _, job := range l.file.Jobs {
		about[job.ID.Value] = plural(len(job.Commands), "command")
		if len(job.Needs) > 0 {
			about[job.ID.Value] += ", after " + strings.Join(values(job.Needs), ", ")
		}
	}
	var text strings.Builder
	fmt.Fprintln(&text, report.Printable(fmt.Sprintf("%s is valid: %s", l.path, plural(len(about), "job"))))
	for _, id := range l.pipeline.Order() {
		fmt.Fprintln(&text, report.Printable(fmt.Sprintf("  %s: %s", id, about[id])))
	}
	_, err := io.WriteString(out, text.String())
	return err
}
