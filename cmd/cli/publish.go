package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/brokers"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/publish"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
)

// brokerFlags are the flags for the connection to a broker, and for the streams to create there.
type brokerFlags struct {
	address string
	flag    string // the name of the flag for the address
	options brokers.Options
}

func (f *brokerFlags) add(cmd *cobra.Command, flag string) {
	f.flag = flag
	cmd.Flags().StringVar(&f.address, flag, "", "the `broker`")
	_ = cmd.RegisterFlagCompletionFunc(flag, completeBeginnings(brokers.Schemes))
}

// addOptions adds all other flags.
func (f *brokerFlags) addOptions(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&f.options.Partitions, "partitions", 0, "minimum number of partitions; can be raised at any time, never lowered\n(default: keep the current number; 8 for a new stream)")
	flags.IntVar(&f.options.Replicas, "replicas", 0, "number of servers of a cluster that keep each message, 1 to 5\n(default: keep the current number; 1 for a new stream)")
	flags.StringVar(&f.options.Credentials, "creds", "", "a NATS credentials `file` (default: $NATS_CREDS)")
	flags.StringVar(&f.options.CAFile, "tls-ca", "", "PEM `file` of the CA that signed the server's certificate (default:\n$NATS_CA, or the system's trust store)")
	flags.StringVar(&f.options.CertFile, "tls-cert", "", "PEM `file` of the client certificate (default: $NATS_CERT)")
	flags.StringVar(&f.options.KeyFile, "tls-key", "", "PEM `file` of the client certificate's key (default: $NATS_KEY)")
}

// check returns an error for an invalid broker address. The error does not show the address, which may
// contain a password.
func (f *brokerFlags) check() error {
	if !brokers.IsAddress(f.address) {
		return command.Usage("name the broker with --%s, as %s", f.flag, brokers.Syntax)
	}
	return nil
}

// open opens the broker: for workers of the store with the given id, or for publishing if the id is
// empty.
func (f *brokerFlags) open(ctx context.Context, storeID string, log *slog.Logger) (*brokers.Broker, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	options := f.options
	options.Group, options.Logger = storeID, log
	b, err := brokers.Open(ctx, f.address, options)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, brokers.ErrAddress):
		return nil, command.Usage("--%s: %w", f.flag, err)
	case errors.Is(err, brokers.ErrOptions):
		return nil, command.Usage("%w", err)
	}
	return b, err
}

// publishFlags are the flags of publish.
type publishFlags struct {
	brokerFlags
	follow bool
	runID  string
}

func newPublish(p *app) *cobra.Command {
	var flags publishFlags
	cmd := p.reading("publish", p.someSources, func(ctx context.Context, args []string) error { return p.publish(ctx, args, flags) })
	flags.brokerFlags.add(cmd, "to")
	cmd.Flags().BoolVar(&flags.follow, "follow", false, "keep reading as the streams grow")
	cmd.Flags().StringVar(&flags.runID, "run-id", "", "the run's id (default: the file's name without its endings; for an\nevents.jsonl, its folder's)")
	flags.addOptions(cmd)
	return cmd
}

// giveUp is how long publishing is retried if no more data will come, or if the data can be published
// again.
const giveUp = 2 * time.Minute

func (p *app) publish(ctx context.Context, paths []string, flags publishFlags) (err error) {
	streams, folder, err := flags.streams(paths)
	if err != nil {
		return err
	}
	work := p.begin(&streams, flags.follow)
	defer work.Stop()
	log := slog.New(slog.NewTextHandler(work, &slog.HandlerOptions{Level: slog.LevelWarn}))
	b, err := flags.open(ctx, "", log)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, b.Close()) }()
	options := broker.PublishOptions{SegmentBytes: b.MaxMessage(), Hopeless: brokers.IsHopeless, Logger: log, GiveUp: flags.giveUp(paths)}
	publication := publish.New(broker.NewPublisher(b.Publisher(), b, options), publish.Options{
		MaxMessage: b.MaxMessage(), GiveUp: giveUp, Read: streams.Read,
		Skipped: func(err error) { tell(work, err) },
		Warn:    func(err error) { tell(work, err) },
		Cut: func(source jsonl.Location) {
			say(work, source.Path+": the compressed file is cut off; its whole lines were published; publish it again when you have all of it")
		},
	})
	if flags.follow {
		err = publication.Follow(ctx, paths[0], domain.RunID(flags.runID))
	} else {
		err = publication.All(ctx, streams.Locations())
	}
	switch {
	case err != nil && ctx.Err() == nil:
		return err
	case ctx.Err() != nil && !(folder && flags.follow):
		return interruption(streams)
	}
	summary := publication.Summary()
	words := fmt.Sprintf("published %s to %s", summary, b)
	if summary.Retries > 0 {
		words += "; repeated: " + report.Plural(summary.Retries, "message")
	}
	say(work, words)
	return command.End(worstOf(summary.Skipped...))
}

// giveUp returns how long sending a segment is retried; 0 means for ever.
func (f *publishFlags) giveUp(paths []string) time.Duration {
	if f.follow || slices.Contains(paths, jsonl.Stdin) {
		return 0
	}
	return giveUp
}

// streams returns the streams that the command line names.
func (f *publishFlags) streams(paths []string) (s jsonl.Streams, folder bool, err error) {
	if slices.Contains(paths, jsonl.Stdin) && f.runID == "" {
		return s, false, command.Usage("standard input has no name; say with --run-id which run it is")
	}
	read := readFlags{runID: f.runID, onMalformed: "skip", maxLine: jsonl.DefaultMaxLine}
	switch {
	case !f.follow:
		s, err = read.findRuns(paths)
		return s, s.Many(), err
	case len(paths) > 1:
		return s, false, command.Usage("--follow takes one SOURCE; for several runs, name their folder")
	case paths[0] == jsonl.Stdin:
		return s, false, command.Usage("--follow reads files; without --follow, a pipe is read as it grows")
	}
	folder, err = read.checkGrowing(paths[0])
	return jsonl.Streams{Paths: paths}, folder, err
}
