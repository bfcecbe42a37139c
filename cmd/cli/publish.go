package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/brokers"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/publish"
	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
)

// publishFlags are the flags of publish.
type publishFlags struct {
	brokerFlags
	to     string
	follow bool
	runID  string
}

func newPublish(p *app) *cobra.Command {
	var flags publishFlags
	cmd := help.Command("publish", &cobra.Command{
		Args: p.someSources, ValidArgsFunction: completeSources,
		RunE: func(cmd *cobra.Command, args []string) error {
			return publishStreams(cmd.Context(), args, flags, p)
		},
	})
	flags.add(cmd)
	return cmd
}

func (f *publishFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.to, "to", "", "the `broker`")
	flags.BoolVar(&f.follow, "follow", false, "keep reading as the streams grow")
	flags.StringVar(&f.runID, "run-id", "", "the run's id (default: the file's name without its endings; for an\nevents.jsonl, its folder's)")
	f.brokerFlags.add(cmd)
	_ = cmd.RegisterFlagCompletionFunc("to", completeBeginnings(brokers.Schemes))
}

// giveUp is how long publishing is retried if no more data will come, or if the data can be published
// again.
const giveUp = 2 * time.Minute

func publishStreams(ctx context.Context, paths []string, flags publishFlags, app *app) (err error) {
	streams, folder, err := flags.streams(paths)
	if err != nil {
		return err
	}
	bar := app.newProgress(&streams, flags.follow)
	defer bar.stop()
	log := slog.New(slog.NewTextHandler(bar, &slog.HandlerOptions{Level: slog.LevelWarn}))
	b, err := flags.open(ctx, "--to", flags.to, "", log)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, b.Close()) }()
	r := &publishReporter{out: bar, said: map[string]bool{}}
	p := publish.New(broker.NewPublisher(b.Publisher(), b, flags.options(paths, b.MaxMessage(), log)), publish.Options{
		MaxMessage: b.MaxMessage(), GiveUp: giveUp, Read: &bar.read, Skipped: r.skipped,
		Warn: func(err error) { tell(bar, err) },
		Cut: func(source jsonl.Location) {
			say(bar, source.Path+": the compressed file is cut off; its whole lines were published; publish it again when you have all of it")
		},
	})
	if flags.follow {
		err = p.Follow(ctx, paths[0], domain.RunID(flags.runID))
	} else {
		err = p.All(ctx, streams.Locations())
	}
	switch {
	case err != nil && ctx.Err() == nil:
		return err
	case ctx.Err() != nil && !(folder && flags.follow):
		return interruption(streams)
	}
	summary := p.Summary()
	words := fmt.Sprintf("published %s in %s to %s", command.Plural(summary.Runs, "run"), command.Plural(summary.Segments, "segment"), b)
	if summary.Retries > 0 {
		words += fmt.Sprintf("; %s had to be repeated", command.Plural(summary.Retries, "message"))
	}
	say(bar, words)
	if status := skippedStatus(summary.Skipped); status != statusOK {
		return command.End(status)
	}
	return nil
}

// options returns the publisher's options for the streams at paths.
func (f *publishFlags) options(paths []string, limit int, log *slog.Logger) broker.PublishOptions {
	options := broker.PublishOptions{SegmentBytes: limit, Hopeless: brokers.IsHopeless, Logger: log}
	if !f.follow && !slices.Contains(paths, jsonl.Stdin) {
		options.GiveUp = giveUp
	}
	return options
}

// streams returns the streams that the command line names.
func (f *publishFlags) streams(paths []string) (s jsonl.Streams, folder bool, err error) {
	if slices.Contains(paths, jsonl.Stdin) && f.runID == "" {
		return s, false, command.Usage("standard input has no name; say with --run-id which run it is")
	}
	read := readFlags{runID: f.runID, onMalformed: "skip", maxLine: command.Size{Bytes: jsonl.DefaultMaxLine}}
	if !f.follow {
		s, err = read.findRuns(paths)
		return s, s.Many(), err
	}
	if len(paths) > 1 {
		return s, false, command.Usage("--follow takes one SOURCE; for several runs, name their folder")
	}
	if paths[0] == jsonl.Stdin {
		return s, false, command.Usage("--follow reads files; without --follow, a pipe is read as it grows")
	}
	if folder, err = read.checkGrowing(paths[0]); err != nil {
		return s, folder, err
	}
	return jsonl.Streams{Paths: paths, Run: domain.RunID(f.runID), Options: read.options()}, folder, nil
}

// publishReporter reports streams that were not published, or not to their ends.
type publishReporter struct {
	out  io.Writer
	mu   sync.Mutex
	said map[string]bool
}

// skipped reports a stream, unless the same message was printed before.
func (r *publishReporter) skipped(source jsonl.Location, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if words := err.Error(); errors.Is(err, tail.ErrRewritten) {
		err = fmt.Errorf("%w; what was published of it stays, so publish what is there now as another run, with --run-id", err)
	} else if !strings.Contains(words, source.Path) && !strings.Contains(words, string(source.Run)) {
		err = fmt.Errorf("%s: %w", source.Path, err)
	}
	if !r.said[err.Error()] {
		r.said[err.Error()] = true
		tell(r.out, err)
	}
}
