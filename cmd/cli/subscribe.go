package cli

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/adapters/worker"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

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
	flags.brokerFlags.add(cmd, "from")
	addStore(cmd, &flags.to)
	f.StringVar(&flags.listen, "listen", "127.0.0.1:9464", "serve metrics and health at `host:port`; without a host, only to\nthis machine. If the default port is taken, another one is used;\nnone serves nothing")
	flags.log = "text"
	command.Choice(cmd, &flags.log, "log", "how to log: text, json, or none", "text", "json", "none")
	f.DurationVar(&flags.patience, "patience", time.Minute, "how long to wait for a missing part of a run before the run is\nquarantined; it is released when the part arrives. /healthz fails if\nnothing could be applied for longer than this")
	f.BoolVar(&flags.replay, "replay", false, "get everything that the broker still holds again, for example after\nyou restored the store in place from a backup; the store drops what\nit already has")
	command.AboveZero(cmd, "patience", "5m")
	flags.addOptions(cmd)
	flags.addReading(cmd)
	return cmd
}

func (p *app) subscribe(ctx context.Context, cmd *cobra.Command, flags subscribeFlags) (err error) {
	log := slog.New(map[string]slog.Handler{ // each handler escapes terminal control characters
		"text": slog.NewTextHandler(p.Err, nil), "json": slog.NewJSONHandler(p.Err, nil), "none": slog.DiscardHandler,
	}[flags.log])
	if err := checkStore(flags.to); err != nil {
		return err
	}
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
	id, err := s.ID(ctx)
	if err != nil {
		return err
	}
	b, err := flags.open(ctx, id, log)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, b.Close()) }()
	if flags.replay {
		if err := b.Replay(ctx); err != nil {
			return err
		}
	}
	return worker.Run(ctx, b, s, worker.Options{Lines: flags.readFlags.options(), GapTimeout: flags.patience, Grace: closing, Listener: listener, Logger: log})
}
