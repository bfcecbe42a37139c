package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/live"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/domain"
)

// followFlags are those of follow.
type followFlags struct {
	readFlags
	to         string
	exitStatus bool
	quiet      bool
}

func newFollow(std stdio) *cobra.Command {
	var flags followFlags
	cmd := &cobra.Command{
		Use:   "follow SOURCE [--to STORE]",
		Short: "Show a run while it goes on, and keep a store's rows up with it",
		Long: `Show a run while it goes on, and keep a store's rows up with it.

SOURCE is a .jsonl file that grows, or a folder in which runs appear. What is
not there yet is waited for. On a terminal the runs are drawn as they stand, with what
is running now and what has failed; elsewhere each thing that happens is a line.

With --to STORE the rows are there while the run goes on, those that are open
among them, mostly within some milliseconds. The rows are those of whole lines; a
last line that no line feed ends is waited for, and taken for torn when following
ends.

Following a file ends by itself when its run has finished; Ctrl-C ends it
before, with the status 130. A folder is followed until Ctrl-C, with the status 0.

Exit status: 0 done; 1 the store or a stream cannot be read or written; 2 wrong
usage; 4 a stream is malformed; 130 interrupted. With --exit-status, 6 for a run
that failed and 3 for one that has not finished.`,
		Example: `  quire-project follow run.jsonl
  quire-project follow runs/42/events.jsonl --exit-status
  quire-project follow runs/ --to sqlite:quire.db`,
		Args: oneSource,
		RunE: func(cmd *cobra.Command, args []string) error {
			return follow(cmd.Context(), args[0], flags, std)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&flags.to, "to", "", "keep this `store` up to date: "+knownStores)
	f.BoolVarP(&flags.quiet, "quiet", "q", false, "show nothing; for work with --to")
	f.BoolVar(&flags.exitStatus, "exit-status", false, "end with 6 if a run failed, 3 if one has not finished")
	flags.readFlags.add(cmd)
	_ = cmd.RegisterFlagCompletionFunc("to", completeTarget())
	return cmd
}

func follow(ctx context.Context, path string, flags followFlags, std stdio) (err error) {
	options, err := flags.options()
	if err != nil {
		return err
	}
	folder, err := flags.growing(path)
	if err != nil {
		return err
	}
	// What the store or the view cannot do ends the following.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := &follower{options: options, runID: domain.RunID(flags.runID), folder: folder, paths: map[domain.RunID]string{}, states: map[domain.RunID]int{}}
	if flags.to != "" {
		at, err := parseAddress(flags.to)
		if err != nil {
			return err
		}
		s, err := openStore(ctx, at, sources{path: path, folder: folder, single: jsonl.FileSource(path), options: options})
		if err != nil {
			return err
		}
		defer func() { err = cmp.Or(err, s.Close()) }()
		f.keep(s)
	}
	if !flags.quiet {
		f.view = live.Open(std.out, live.Options{})
	}
	err = tail.Follow(ctx, path, tail.Options{MaxLine: options.MaxLine, Warn: f.warn}, f.stream)
	err = cmp.Or(f.close(), f.ending(err))
	for _, words := range f.words {
		say(std.err, words)
	}
	if err == nil && f.status == statusOK && flags.exitStatus {
		f.status = f.outcome()
	}
	if err == nil && f.status != statusOK {
		return &statusError{status: f.status}
	}
	return err
}

// growing checks that a path can be followed, and reports whether it is a folder.
func (f *readFlags) growing(path string) (folder bool, err error) {
	if path == jsonl.Stdin {
		return false, usageError(errors.New("follow reads files; a pipe is read as it grows by quire-project - --to ndjson"))
	}
	if strings.HasSuffix(path, ".gz") || strings.HasSuffix(path, ".zst") {
		return false, usageError(fmt.Errorf("%s: a compressed stream does not grow; read it with quire-project %s", report.Printable(path), report.Printable(path)))
	}
	info, err := os.Stat(path)
	folder = err == nil && info.IsDir() || errors.Is(err, os.ErrNotExist) && !strings.HasSuffix(path, ".jsonl")
	if f.runID != "" && folder {
		return folder, usageError(fmt.Errorf("--run-id names one run, and %s is a folder of runs", report.Printable(path)))
	}
	return folder, nil
}
