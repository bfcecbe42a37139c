package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/brokers"
	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/publish"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/adapters/worker"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
)

// brokerFlags are the flags for the connection to a broker, and for the streams to create there.
type brokerFlags struct {
	address string
	flag    string // the name of the flag for the address
	connect brokers.Options
}

func (f *brokerFlags) add(cmd *cobra.Command, flag, usage string, schemes ...string) {
	f.flag = flag
	cmd.Flags().StringVar(&f.address, flag, "", usage)
	_ = cmd.RegisterFlagCompletionFunc(flag, completeBeginnings(schemes))
}

// addOptions adds all other flags.
func (f *brokerFlags) addOptions(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&f.connect.Partitions, "partitions", 0, "minimum number of partitions; can be raised at any time, never lowered\n(default: keep the current number; 8 for a new stream)")
	flags.IntVar(&f.connect.Replicas, "replicas", 0, "number of servers of a cluster that keep each message, 1 to 5\n(default: keep the current number; 1 for a new stream)")
	flags.StringVar(&f.connect.Credentials, "creds", "", "a NATS credentials `file` (default: $NATS_CREDS)")
	flags.StringVar(&f.connect.CAFile, "tls-ca", "", "PEM `file` of the CA that signed the server's certificate (default:\n$NATS_CA, or the system's trust store)")
	flags.StringVar(&f.connect.CertFile, "tls-cert", "", "PEM `file` of the client certificate (default: $NATS_CERT)")
	flags.StringVar(&f.connect.KeyFile, "tls-key", "", "PEM `file` of the client certificate's key (default: $NATS_KEY)")
}

// check returns an error for an invalid broker address. The error does not show the address, which may
// contain a password.
func (f *brokerFlags) check() error {
	if !brokers.IsAddress(f.address) {
		return command.Usage("name the broker with --%s, as %s", f.flag, brokers.Syntax)
	}
	return nil
}

func (f *brokerFlags) open(ctx context.Context) (*brokers.Broker, error) {
	b, err := brokers.Open(ctx, f.address, f.connect)
	return b, f.explain(ctx, err)
}

// explain turns an error of opening a broker or a server into a usage error, if it is one.
func (f *brokerFlags) explain(ctx context.Context, err error) error {
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, brokers.ErrAddress):
		return command.Usage("--%s: %w", f.flag, err)
	case errors.Is(err, brokers.ErrOptions):
		return command.Usage("%w", err)
	}
	return err
}

// publishFlags are the flags of publish.
type publishFlags struct {
	readFlags
	brokerFlags
	token  string
	follow bool
}

func newPublish(p *app) *cobra.Command {
	flags := publishFlags{readFlags: readFlags{app: p, onMalformed: "skip"}}
	cmd := p.reading("publish", p.someSources, func(ctx context.Context, args []string) error { return p.publish(ctx, args, flags) })
	flags.brokerFlags.add(cmd, "to", "the `broker`, or the server", slices.Concat(brokers.Schemes, publish.HTTPSchemes)...)
	cmd.Flags().BoolVar(&flags.follow, "follow", false, "keep reading as the streams grow")
	cmd.Flags().StringVar(&flags.runID, "run-id", "", "the run's id (default: the file's name without its endings; for an\nevents.jsonl, its folder's)")
	flags.addOptions(cmd)
	cmd.Flags().StringVar(&flags.token, "token-file", "", "the `file` with the token of the server, from which publish derives\nthe token of each run (default: send the token in $QUIRE_TOKEN)")
	return cmd
}

// giveUp is how long publishing is retried if no more data will come, or if the data can be published
// again.
const giveUp = 2 * time.Minute

func (p *app) publish(ctx context.Context, paths []string, flags publishFlags) (err error) {
	streams, folder, err := flags.streams(paths)
	if !brokers.IsTarget(flags.address) {
		err = cmp.Or(err, command.Usage("name the broker or server with --to, as %s, or %s", brokers.Syntax, publish.HTTPSyntax))
	}
	if err != nil {
		return err
	}
	work := p.begin(&streams, flags.follow)
	defer work.Stop()
	flags.connect.Logger = slog.New(slog.NewTextHandler(work, &slog.HandlerOptions{Level: slog.LevelWarn}))
	target, err := brokers.OpenTarget(ctx, flags.address, flags.connect, flags.token)
	if err = flags.explain(ctx, err); err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, target.Close()) }()
	options := broker.PublishOptions{Hopeless: brokers.IsHopeless, Logger: flags.connect.Logger, GiveUp: flags.giveUp(paths)}
	publication := publish.To(target, options, publish.Options{
		GiveUp: giveUp, Read: streams.Read,
		Skipped: work.tell, Warn: work.tell,
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
	words := fmt.Sprintf("published %s to %s", summary, target)
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
	switch {
	case slices.Contains(paths, jsonl.Stdin) && f.runID == "":
		return s, false, command.Usage("standard input has no name; say with --run-id which run it is")
	case !f.follow:
		s, err = f.findRuns(paths)
		return s, s.Many(), err
	case len(paths) > 1:
		return s, false, command.Usage("--follow takes one SOURCE; for several runs, name their folder")
	case stores.IsStore(paths[0]):
		return s, false, errGrowing
	case paths[0] == jsonl.Stdin:
		return s, false, command.Usage("--follow reads files; without --follow, a pipe is read as it grows")
	}
	folder, err = follow.Check(paths[0], domain.RunID(f.runID))
	return jsonl.Streams{Paths: paths}, folder, err
}

// subscribeFlags are the flags of subscribe.
type subscribeFlags struct {
	readFlags
	brokerFlags
	to       string
	listen   string
	log      string
	patience time.Duration
	replay   bool
}

func newSubscribe(p *app) *cobra.Command {
	var flags subscribeFlags
	var cmd *cobra.Command
	cmd = help.Command("subscribe", command.NoArguments, func(ctx context.Context, _ []string) error {
		err := p.subscribe(ctx, cmd, flags)
		if errors.Is(err, context.Canceled) {
			return nil // an interruption is no error
		}
		return err
	})
	f := cmd.Flags()
	flags.brokerFlags.add(cmd, "from", "the `broker`", brokers.Schemes...)
	addStore(cmd, &flags.to)
	p.addKeep(cmd)
	f.StringVar(&flags.listen, "listen", "127.0.0.1:9464", "serve metrics and health at `host:port`; without a host, only to\nthis machine. If the default port is taken, another one is used;\nnone serves nothing")
	flags.log = "text"
	command.Choice(cmd, &flags.log, "log", "how to log: text, json, or none", "text", "json", "none")
	f.DurationVar(&flags.patience, "patience", time.Minute, "how long to wait for a missing part of a run before the run is\nquarantined; it is released when the part arrives. /healthz fails if\nnothing could be applied for longer than this")
	f.BoolVar(&flags.replay, "replay", false, "get everything that the broker still holds again, for example after\nyou restored the store in place from a backup; the store drops what\nit already has")
	command.AboveZero(cmd, "patience", "5m")
	flags.addOptions(cmd)
	flags.addReading(p, cmd)
	return cmd
}

func (p *app) subscribe(ctx context.Context, cmd *cobra.Command, flags subscribeFlags) (err error) {
	log := slog.New(map[string]slog.Handler{ // each handler escapes terminal control characters
		"text": slog.NewTextHandler(p.Err, nil), "json": slog.NewJSONHandler(p.Err, nil), "none": slog.DiscardHandler,
	}[flags.log])
	var listener net.Listener
	if flags.listen != "none" {
		if listener, err = listen(cmd, flags.listen); err != nil {
			return err
		}
		defer listener.Close() // in case the worker does not serve it
	}
	if err := flags.check(); err != nil {
		return err
	}
	s, err := p.open(ctx, flags.to, stores.Options{Durable: true}, jsonl.Streams{})
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, s.Close()) }()
	if words := report.UnknownProjections(ctx, s); words != "" {
		log.Warn(words)
	}
	if flags.connect.Group, err = s.ID(ctx); err != nil {
		return err
	}
	flags.connect.Logger = log
	b, err := flags.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, b.Close()) }()
	if flags.replay {
		if err := b.Replay(ctx); err != nil {
			return err
		}
	}
	return worker.Run(ctx, b, s, worker.Options{Lines: flags.readFlags.options(), GapTimeout: flags.patience, Listener: listener, Logger: log})
}
