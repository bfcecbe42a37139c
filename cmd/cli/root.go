package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/projections"
)

// stdio is what a command talks to.
type stdio struct {
	out io.Writer
	err io.Writer
}

// app is the command with what it projects.
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
	root := &cobra.Command{
		Use:   "quire-project SOURCE... [--to TARGET]",
		Short: "Turn the event stream of a CI run into its record",
		Long: `Turn the event stream of a CI run into its record: the rows of its jobs, its
commands and their timings, and what is odd about the stream.

SOURCE is a .jsonl file, - for standard input, or a folder, in which every
*.jsonl at any depth is one run; but if a folder has an events.jsonl, that is
its only stream, and nothing below it is one. Files that are compressed with
gzip or zstd are decompressed. If you name several runs, a malformed one is
reported and skipped, and the others are still processed. If two streams have
the same run id, the first is used and the other reported.

TARGET is a format, in which the record is printed, or a store, whose rows are brought
up to date: an unchanged stream is skipped, and from a grown one only the new events
are added. sqlite:FILE is an SQLite database, which is created if it
does not exist; FILE is a path without escapes, and sqlite:///FILE an absolute
one. postgres://USER@HOST/DATABASE is a PostgreSQL database; to keep the password
out of process listings, use $PGPASSWORD or ~/.pgpass. verify reports rows that
no longer match their streams, and rebuild repairs them.

Exit status: 0 done; 1 a file or a store could not be read or written; 2 wrong
usage; 4 a stream is malformed; 5 check or verify has found something; 130
interrupted. With --exit-status, 6 if a run failed and 3 if one is not over: its
stream has no run_finished. --assume-ended counts such a run as over if all its
jobs are complete.`,
		Example: `  quire-project run.jsonl                      the record as one JSON document
  quire-project run.jsonl --to table           the same for people
  quire-project runs/ --to json -o all.json    a folder of runs, one document a line
  quire-project a.jsonl b.jsonl --to table     several runs, in this order
  tail -f run.jsonl | quire-project - --to ndjson
  quire-project run.jsonl --to csv --projection sh_events > commands.csv
  quire-project projections                    which projections there are
  quire-project check run.jsonl                what is odd about the stream
  quire-project follow run.jsonl               a run that is being written
  quire-project runs/ --to sqlite:quire.db     the rows of all runs, in a database
  quire-project rebuild runs/ --to sqlite:quire.db
  quire-project verify runs/ --to sqlite:quire.db`,
		Args:              p.someSources,
		ValidArgsFunction: completeSources,
		RunE: func(cmd *cobra.Command, args []string) error {
			if isAddress(given.to) {
				return ingest(cmd.Context(), args, given, p)
			}
			return project(cmd.Context(), args, given, p)
		},
	}
	given.add(root)
	root.AddCommand(newCheck(p), newRebuild(p), newVerify(p), newFollow(p), newPublish(p), newSubscribe(p), newQuarantine(p),
		newProjections(p), newSchema(p))
	return root
}
