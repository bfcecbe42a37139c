package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/brokers"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// publishFlags are those of publish.
type publishFlags struct {
	brokerFlags
	to     string
	follow bool
	runID  string
}

func newPublish(p *app) *cobra.Command {
	var flags publishFlags
	cmd := &cobra.Command{
		Use:   "publish SOURCE... --to BROKER [--follow]",
		Short: "Send streams to a broker, from which subscribe takes them into a store",
		Long: `Send streams to a broker, from which subscribe takes them into a store.

SOURCE is a .jsonl file, a folder of them, or - for standard input, which is sent
as it comes; until it ends, publish waits for a broker that is away. The bytes of a
stream are sent unchanged, cut between lines into messages of up to a megabyte;
workers find malformed lines. Publishing a stream again changes nothing, so after any
error you can run the same command again.

With --follow, SOURCE is a file that grows, or a folder in which runs appear; publish
waits for files that do not exist yet. Lines are sent within milliseconds of being
written. A last line without a line feed is sent only once its run has finished, since
more of it may come. Following a file ends by itself when its run has finished.
A folder is followed until Ctrl-C.

BROKER is one or more servers of NATS JetStream, as
` + brokers.Syntax + `;
a single word before the @ is a token. To keep secrets off the command line, set
$NATS_USER and $NATS_PASSWORD, $NATS_TOKEN or $NATS_CREDS. STREAM is quire by default;
it is created if it does not exist.

Exit status: 0 done; 1 a stream cannot be read, or the broker cannot be written to; 2
wrong usage; 130 interrupted.`,
		Example: `  quire-project publish run.jsonl --to nats://localhost
  quire-project publish runs/ --to nats://localhost
  quire-project publish runs/ --to nats://nats1.example.com,nats2.example.com --follow
  quire-ci run --events stdout | quire-project publish - --run-id 42 --to nats://localhost`,
		Args: p.someSources, ValidArgsFunction: completeSources,
		RunE: func(cmd *cobra.Command, args []string) error {
			return publish(cmd.Context(), args, flags, p)
		},
	}
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

// giveUp is for how long a broker that does not take what is published is asked
// again, where nothing more is to come anyway, or is there to be published again.
const giveUp = 2 * time.Minute

func publish(ctx context.Context, paths []string, flags publishFlags, app *app) (err error) {
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
	p := &publishing{
		publisher: broker.NewPublisher(b.Publisher(), b, flags.options(paths, b.MaxMessage(), log)), limit: b.MaxMessage(), giveUp: giveUp,
		streams: streams, folder: folder, bar: bar, paths: map[domain.RunID]string{}, told: map[string]string{}, left: map[string]tail.Position{},
	}
	if flags.follow {
		err = p.follow(ctx)
	} else {
		err = p.all(ctx)
	}
	return p.end(ctx, err, b.String())
}

// options are those of the publisher of what is at paths.
func (f *publishFlags) options(paths []string, limit int, log *slog.Logger) broker.PublishOptions {
	options := broker.PublishOptions{SegmentBytes: limit, Hopeless: brokers.IsHopeless, Logger: log}
	if !f.follow && !slices.Contains(paths, jsonl.Stdin) {
		options.GiveUp = giveUp
	}
	return options
}

// streams checks what the command line names.
func (f *publishFlags) streams(paths []string) (s jsonl.Streams, folder bool, err error) {
	if slices.Contains(paths, jsonl.Stdin) && f.runID == "" {
		return s, false, usageError(errors.New("standard input has no name; say with --run-id which run it is"))
	}
	read := readFlags{runID: f.runID, onMalformed: "skip", maxLine: command.Size{Bytes: jsonl.DefaultMaxLine}}
	if !f.follow {
		s, err = read.findRuns(paths)
		return s, s.Many(), err
	}
	if len(paths) > 1 {
		return s, false, usageError(errors.New("--follow takes one SOURCE; for several runs, name their folder"))
	}
	if folder, err = read.growing(paths[0]); err != nil {
		return s, folder, err
	}
	return jsonl.Streams{Paths: paths, Run: domain.RunID(f.runID), Options: read.options()}, folder, nil
}

// end says how it went, err being what the work has ended with.
func (p *publishing) end(ctx context.Context, err error, to string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	words := fmt.Sprintf("published %s in %s to %s", plural(p.runs, "run"), plural(p.stats.Segments, "segment"), to)
	if p.stats.Retries > 0 {
		words += fmt.Sprintf("; %s had to be repeated", plural(p.stats.Retries, "message"))
	}
	switch {
	case err != nil && ctx.Err() == nil:
		return err
	case ctx.Err() != nil && !(p.folder && p.following):
		return interruption(p.streams)
	}
	say(p.bar, words)
	if p.status != statusOK {
		return endWith(p.status)
	}
	return nil
}

// setAside tells what is wrong with a stream, which is not published, or not on,
// unless that has been told.
func (p *publishing) setAside(source jsonl.Location, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = worse(p.status, statusOf(err))
	if p.told[source.Path] == err.Error() {
		return
	}
	p.told[source.Path] = err.Error()
	switch {
	case errors.Is(err, tail.ErrRewritten):
		err = fmt.Errorf("%w; what was published of it stays, so publish what is there now as another run, with --run-id", err)
	case !strings.Contains(err.Error(), source.Path) && !strings.Contains(err.Error(), string(source.Run)):
		err = fmt.Errorf("%s: %w", source.Path, err)
	}
	tell(p.bar, err)
}

// claim takes note that a run's stream is that of source; there is one.
func (p *publishing) claim(source jsonl.Location) error {
	if err := store.CheckRunID(source.Run); err != nil {
		return &store.SourceError{Name: source.Path, Err: err}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if taken, ok := p.paths[source.Run]; ok && taken != source.Path {
		return &store.DuplicateError{Run: source.Run, Name: source.Path, Taken: taken}
	}
	p.paths[source.Run] = source.Path
	return nil
}

// sent takes note of what was sent of a stream, and returns err if that is not
// the stream's fault.
func (p *publishing) sent(source jsonl.Location, stats broker.Stats, err error) error {
	p.mu.Lock()
	p.stats.Segments += stats.Segments
	p.stats.Bytes += stats.Bytes
	p.stats.Retries += stats.Retries
	if err == nil {
		p.runs++
	}
	p.mu.Unlock()
	var failed *broker.PublishError
	if err == nil || errors.As(err, &failed) || errors.Is(err, context.Canceled) {
		return err
	}
	p.setAside(source, err)
	return nil
}
