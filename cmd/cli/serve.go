package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/live"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/adapters/worker"
	"github.com/quire-ci/quire-project/cmd/internal/command"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// serveFlags are the flags of serve.
type serveFlags struct {
	followFlags
	listen, logs, token, cert, key string
	access                         web.Access
	create                         bool
}

func newServe(p *app) *cobra.Command {
	var flags serveFlags
	var cmd *cobra.Command
	cmd = p.reading("serve", cobra.MaximumNArgs(1), func(ctx context.Context, args []string) error {
		return p.serve(ctx, cmd, append(args, "")[0], flags)
	})
	f := cmd.Flags()
	f.StringVar(&flags.to, "to", "", "keep the rows in this `store`, or show its runs: "+stores.Syntax+"\n(default: a temporary database)")
	f.BoolVar(&flags.create, "create", false, "without SOURCE: create the store if it does not exist, for streams\nthat come over HTTP")
	f.StringVar(&flags.listen, "listen", "127.0.0.1:8080", "serve at `host:port`; without a host, only to this machine. If the\ndefault port is taken, another one is used")
	f.StringVar(&flags.logs, "logs", "", "the `folder` with the logs: what quire-ci took as --out-dir\n(default: the folder of each stream)")
	f.StringVar(&flags.token, "token-file", "", "a `file` with the token that browsers and programs need")
	f.StringVar(&flags.access.TrustHeader, "trust-header", "", "accept requests with this `header`, which a proxy sets for people\nthat it has authenticated")
	f.StringVar(&flags.cert, "tls-cert", "", "serve HTTPS with the certificate in this `file`")
	f.StringVar(&flags.key, "tls-key", "", "the `file` with the key of the certificate")
	p.addKeep(cmd)
	flags.addReading(p, cmd)
	completeTarget(cmd)
	return cmd
}

func (p *app) serve(ctx context.Context, cmd *cobra.Command, path string, flags serveFlags) (err error) {
	if path == "" && flags.to == "" {
		return command.Usage("serve takes a folder of streams, or a store with --to")
	}
	if err := flags.access.Read(flags.token, flags.cert, flags.key); err != nil {
		return command.Usage("%w", err)
	}
	lines := flags.options()
	site := web.Site{
		Options: web.Options{Logs: web.LogsIn(path, flags.logs), Registry: prometheus.NewRegistry()},
		Access:  flags.access, Path: path, Follow: follow.Options{Streams: lines},
	}
	if flags.to != "" {
		site.Ingest, flags.durable = &lines, true
	} else {
		folder, err := os.MkdirTemp("", "quire-project-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(folder)
		flags.to = "sqlite:" + filepath.Join(folder, "quire.db")
	}
	if site.Listener, err = listen(cmd, flags.listen); err != nil {
		return err
	}
	defer site.Listener.Close()
	if err := flags.access.Check(site.Listener.Addr()); err != nil {
		return command.Usage("--listen: %w", err)
	}
	messages := live.NewQueue(ctx, p.Err, false)
	defer func() { _ = messages.Close() }() // an error of stderr cannot be reported anywhere
	site.Logger = slog.New(slog.NewTextHandler(messages, &slog.HandlerOptions{Level: slog.LevelWarn}))
	site.Follow.Tell(func(words string) { say(messages, words) }, func(err error) { tell(messages, err) })
	s, err := p.openFollowed(ctx, path, flags.followFlags, stores.Options{Wait: site.Follow.Retry.Do, MustExist: path == "" && !flags.create})
	if path == "" && errors.Is(err, fs.ErrNotExist) && !stores.RefusesConnection(err) {
		return fmt.Errorf("%w; to create it, for streams that come over HTTP, add --create", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, s.Close()) }()
	site.Store = s
	say(messages, "serving at "+site.URL())
	sayWaiting(messages, path)
	return site.Run(ctx)
}

// listen listens at the address of --listen.
func listen(cmd *cobra.Command, address string) (net.Listener, error) {
	listener, err := worker.Listen(address, cmd.Flags().Changed("listen"))
	switch {
	case errors.As(err, new(*net.OpError)):
		return nil, fmt.Errorf("--listen: %w; name another one", err)
	case err != nil:
		return nil, command.Usage("--listen: %w", err)
	}
	return listener, nil
}

// newToken makes the command that prints the token of a run.
func newToken(p *app) *cobra.Command {
	var file string
	cmd := help.Command("token", cobra.ExactArgs(1), func(_ context.Context, args []string) error {
		token, err := web.ReadToken(file)
		if err = cmp.Or(err, store.CheckRunID(domain.RunID(args[0]))); err != nil {
			return command.Usage("%w", err)
		}
		_, err = fmt.Fprintln(p.Out, web.RunToken(token, domain.RunID(args[0])))
		return err
	})
	cmd.Flags().StringVar(&file, "token-file", "", "the `file` with the token of the server")
	return cmd
}
