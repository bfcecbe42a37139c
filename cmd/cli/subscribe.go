package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/brokers"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/adapters/worker"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// subscribeFlags are the flags of subscribe.
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
	cmd := help.Command("subscribe", &cobra.Command{
		Args: command.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return subscribe(cmd.Context(), flags, cmd.Flags().Changed("listen"), p)
		},
	})
	flags.add(cmd)
	return cmd
}

func (f *subscribeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.from, "from", "", "the `broker`")
	addStore(cmd, &f.to)
	flags.StringVar(&f.listen, "listen", "127.0.0.1:9464", "serve metrics and health at `host:port`; without a host, only to\nthis machine. If the default port is taken, another one is used;\nnone serves nothing")
	f.log = "text"
	command.Choice(cmd, &f.log, "log", "how to log: text, json, or none", "text", "json", "none")
	flags.DurationVar(&f.patience, "patience", time.Minute, "how long to wait for a missing part of a run before the run is\nquarantined; it is released when the part arrives. /healthz fails if\nnothing could be applied for longer than this")
	flags.BoolVar(&f.replay, "replay", false, "get everything that the broker still holds again, for example after\nyou restored the store in place from a backup; the store drops what\nit already has")
	f.brokerFlags.add(cmd)
	f.readFlags.addReading(cmd)
	_ = cmd.RegisterFlagCompletionFunc("from", completeBeginnings(brokers.Schemes))
}

func subscribe(ctx context.Context, flags subscribeFlags, listenAsked bool, p *app) (err error) {
	if flags.patience <= 0 {
		return command.Usage("--patience is a time above 0, as 30s or 5m")
	}
	log := slog.New(map[string]slog.Handler{ // each handler escapes terminal control characters
		"text": slog.NewTextHandler(p.err, nil), "json": slog.NewJSONHandler(p.err, nil), "none": slog.DiscardHandler,
	}[flags.log])
	if err := checkStore(flags.to); err != nil {
		return err
	}
	listener, err := worker.Listen(flags.listen, listenAsked)
	var failed *net.OpError
	switch {
	case errors.As(err, &failed):
		return fmt.Errorf("--listen: %w; name another one", err)
	case err != nil:
		return command.Usage("--listen: %w", err)
	}
	if listener != nil {
		defer listener.Close() // in case the worker does not serve it
	}
	if err := flags.check("--from", flags.from); err != nil {
		return err
	}
	s, err := p.open(ctx, flags.to, stores.Options{Durable: true}, jsonl.Streams{})
	if errors.Is(err, context.Canceled) {
		return nil // an interruption is no error, now or later
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
	return worker.Run(ctx, b, s, worker.Options{Lines: flags.options(), GapTimeout: flags.patience, Grace: closing, Listener: listener, Logger: log})
}
