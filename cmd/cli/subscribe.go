package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/broker/metrics"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/adapters/worker"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// subscribeFlags are those of subscribe.
type subscribeFlags struct {
	readFlags
	brokerFlags
	from     string
	to       string
	listen   string
	log      string
	patience time.Duration
	replay   bool
}

func newSubscribe(p *app) *cobra.Command {
	var flags subscribeFlags
	cmd := &cobra.Command{
		Use:   "subscribe --from BROKER --to STORE",
		Short: "Write the rows of the streams on a broker into a store",
		Long: `Write the rows of the streams that publish sends to a broker into a store, until
Ctrl-C.

Run as many workers as you need, on any number of machines: those of one store divide
the broker's partitions among themselves. When one stops or dies, the others take over
its partitions within seconds. Each store gets everything: a second store, a copy, or
one that is created again gets all that the broker still holds. A message is
acknowledged once its rows are committed. It may come twice, late or out of order; the
rows are still those of the streams.

A run whose stream is malformed, or has a part that does not arrive, is quarantined:
its messages are kept in the store, other runs continue, and "quire-project
quarantine" shows and retries it. Both the store and the broker must be reachable when
subscribe starts; if one becomes unreachable later, subscribe waits for it.

http://127.0.0.1:9464/metrics is for Prometheus. /healthz says whether messages are
being applied, /readyz whether the worker has its store, broker and partitions,
/livez whether the process works. The log goes to standard error. For the BROKER
syntax see publish --help.

Exit status: 0 stopped by Ctrl-C or SIGTERM; 1 the store or the broker cannot be used;
2 wrong usage.`,
		Example: `  quire-project subscribe --from nats://localhost --to sqlite:quire.db
  quire-project subscribe --from nats://nats1.example.com,nats2.example.com --to postgres://ci@db.example.com/quire
  quire-project subscribe --from tls://nats.example.com/ci --to postgres:///quire --log json --listen :9500`,
		Args: command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return subscribe(cmd.Context(), flags, cmd.Flags().Changed("listen"), p)
		},
	}
	flags.add(cmd)
	return cmd
}

func (f *subscribeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.from, "from", "", "the `broker`")
	flags.StringVar(&f.to, "to", "", "the `store`, as "+stores.Syntax)
	flags.StringVar(&f.listen, "listen", "127.0.0.1:9464", "serve metrics and health at `host:port`; without a host, only to\nthis machine. If the default port is taken, another one is used;\nnone serves nothing")
	flags.StringVar(&f.log, "log", "text", "how to log: text, json, or none")
	flags.DurationVar(&f.patience, "patience", time.Minute, "how long to wait for a missing part of a run before the run is\nquarantined; it is released when the part arrives. /healthz fails if\nnothing could be applied for longer than this")
	flags.BoolVar(&f.replay, "replay", false, "get everything that the broker still holds again, for example after\nyou restored the store in place from a backup; the store drops what\nit already has")
	f.brokerFlags.add(cmd)
	f.readFlags.addReading(cmd)
	_ = cmd.RegisterFlagCompletionFunc("from", completeBroker)
	_ = cmd.RegisterFlagCompletionFunc("to", completeTarget())
	_ = cmd.RegisterFlagCompletionFunc("log", cobra.FixedCompletions([]string{"text", "json", "none"}, cobra.ShellCompDirectiveNoFileComp))
}

func subscribe(ctx context.Context, flags subscribeFlags, listenAsked bool, p *app) (err error) {
	options, err := flags.options()
	if err != nil {
		return err
	}
	if flags.patience <= 0 {
		return usageError(errors.New("--patience is a time above 0, as 30s or 5m"))
	}
	log, err := newLog(flags.log, p.err)
	if err != nil {
		return err
	}
	if err := checkStore(flags.to); err != nil {
		return err
	}
	listener, err := listen(flags.listen, listenAsked)
	if err != nil {
		return err
	}
	if listener != nil {
		defer listener.Close() // in case that nobody serves it
	}
	if err := flags.check("--from", flags.from); err != nil {
		return err
	}
	s, err := p.open(ctx, flags.to, stores.Options{Durable: true}, jsonl.Streams{})
	if errors.Is(err, context.Canceled) {
		return nil // as at any later time
	}
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, s.Close()) }()
	if words, err := unknownProjections(ctx, s); err == nil && words != "" {
		log.Warn(words)
	}
	id, err := s.ID(ctx)
	if err != nil {
		return err
	}
	b, err := flags.open(ctx, "--from", flags.from, id, log)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, b.Close()) }()
	if flags.replay {
		if err := b.Replay(ctx); err != nil {
			return err
		}
	}
	return worker.Run(ctx, b, s, worker.Options{Lines: options, Patience: flags.patience, Grace: closing, Listener: listener, Logger: log})
}

// listen listens for who asks how it goes; nil is for nobody.
func listen(address string, asked bool) (net.Listener, error) {
	if address == "none" {
		return nil, nil
	}
	listener, err := metrics.Listen(address)
	if err != nil && !asked {
		return metrics.Listen("127.0.0.1:0") // another worker has the port
	}
	var failed *net.OpError
	switch {
	case errors.As(err, &failed):
		return nil, fmt.Errorf("--listen: %w; name another one", err)
	case err != nil:
		return nil, usageError(fmt.Errorf("--listen: %w", err))
	}
	return listener, nil
}
