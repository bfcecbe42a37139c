package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/broker/metrics"
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

func newSubscribe(std stdio) *cobra.Command {
	var flags subscribeFlags
	cmd := &cobra.Command{
		Use:   "subscribe --from BROKER --to STORE",
		Short: "Keep a store's rows up with what publish sends to a broker",
		Long: `Keep a store's rows up with what publish sends to a broker, until Ctrl-C.

Run as many workers as you need, on any number of machines: those of one store share
out the broker's partitions among themselves, and when one stops or dies the others
take over what it had, within seconds. Each store gets everything: a second store,
a copy, or one that is made anew gets what the broker still holds. A message is
acknowledged when what it led to is committed, and may come twice, late or out of
order: the rows are those of the streams all the same.

A run whose stream is malformed, or of which a part does not come, is quarantined:
what comes of it is kept in the store, the others go on, and "quire-project
quarantine" shows and retries it. Both the store and the broker have to be there when
subscribe starts; when one cannot be reached later on, subscribe waits for it.

http://127.0.0.1:9464/metrics is for Prometheus. /healthz says whether the work
goes on, /readyz whether the worker has its store, broker and partitions, /livez
whether the process works. A log goes to standard error. For the BROKER syntax see
publish --help.

Exit status: 0 stopped by Ctrl-C or SIGTERM; 1 the store or the broker cannot be
worked with; 2 wrong usage.`,
		Example: `  quire-project subscribe --from nats://localhost --to sqlite:quire.db
  quire-project subscribe --from nats://nats1.example.com,nats2.example.com --to postgres://ci@db.example.com/quire
  quire-project subscribe --from tls://nats.example.com/ci --to postgres:///quire --log json --listen :9500`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return subscribe(cmd.Context(), flags, cmd.Flags().Changed("listen"), std)
		},
	}
	flags.add(cmd)
	return cmd
}

func (f *subscribeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.from, "from", "", "the `broker`")
	flags.StringVar(&f.to, "to", "", "the `store`, as "+knownStores)
	flags.StringVar(&f.listen, "listen", "127.0.0.1:9464", "where metrics and health are served, as `host:port`; without a host\nto this machine alone; another port if that one is taken and was\nnot asked for; none to serve nothing")
	flags.StringVar(&f.log, "log", "text", "how to log: text, json, or none")
	flags.DurationVar(&f.patience, "patience", time.Minute, "how long the missing part of a run is waited for before the run is\nquarantined; it is released when that comes. /healthz fails when\nnothing could be applied for longer than this")
	flags.BoolVar(&f.replay, "replay", false, "have everything that the broker still holds delivered once more, as\nafter the store was restored in place from a backup; what the store\nhas already is dropped")
	f.brokerFlags.add(cmd)
	f.readFlags.addReading(cmd)
	_ = cmd.RegisterFlagCompletionFunc("from", completeBroker)
	_ = cmd.RegisterFlagCompletionFunc("to", completeTarget())
	_ = cmd.RegisterFlagCompletionFunc("log", cobra.FixedCompletions([]string{"text", "json", "none"}, cobra.ShellCompDirectiveNoFileComp))
}

// noArguments checks a command line's arguments: there is none.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError(fmt.Errorf("%s takes flags only; see %s --help", cmd.Name(), cmd.CommandPath()))
}

func subscribe(ctx context.Context, flags subscribeFlags, listenAsked bool, std stdio) (err error) {
	options, err := flags.options()
	if err != nil {
		return err
	}
	if flags.patience <= 0 {
		return usageError(errors.New("--patience is a time above 0, as 30s or 5m"))
	}
	log, err := newLog(flags.log, std.err)
	if err != nil {
		return err
	}
	at, err := parseAddress(flags.to)
	if err != nil {
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
	s, err := opening{durable: true}.store(ctx, at)
	if errors.Is(err, errInterrupted) {
		return nil // as at any later time
	}
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, s.Close()) }()
	id, err := s.ID(ctx)
	if err != nil {
		return err
	}
	b, err := flags.open(ctx, "--from", flags.from, id, log)
	if errors.Is(err, errInterrupted) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, b.close()) }()
	if flags.replay {
		if err := b.replay(ctx); err != nil {
			return err
		}
	}
	w, err := newWorker(b, s, options, flags.patience, log)
	if err != nil {
		return err
	}
	return w.run(ctx, listener)
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
