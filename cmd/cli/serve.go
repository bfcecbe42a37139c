package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
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
	listen, logs, tokenFile, cert, key string
	access                             web.Access
}

func newServe(p *app) *cobra.Command {
	var flags serveFlags
	var cmd *cobra.Command
	cmd = p.reading("serve", cobra.MaximumNArgs(1), func(ctx context.Context, args []string) error {
		return p.serve(ctx, append(args, "")[0], flags, cmd.Flags().Changed("listen"))
	})
	f := cmd.Flags()
	f.StringVar(&flags.to, "to", "", "keep the rows in this `store`, or show what it has: "+stores.Syntax+"\n(default: a temporary database)")
	f.StringVar(&flags.listen, "listen", "127.0.0.1:8080", "serve at `host:port`; without a host, only to this machine. If the\ndefault port is taken, another one is used")
	f.StringVar(&flags.logs, "logs", "", "the `folder` with the logs: what quire-ci took as --out-dir\n(default: the folder of each stream)")
	f.StringVar(&flags.tokenFile, "token-file", "", "a `file` with the token that browsers and programs have to give")
	f.StringVar(&flags.access.TrustHeader, "trust-header", "", "let in requests with this `header`, which a proxy sets for people whom\nit knows")
	f.StringVar(&flags.cert, "tls-cert", "", "serve HTTPS with the certificate in this `file`")
	f.StringVar(&flags.key, "tls-key", "", "the `file` with the key of the certificate")
	flags.addReading(cmd)
	completeTarget(cmd)
	return cmd
}

func (p *app) serve(ctx context.Context, path string, flags serveFlags, exact bool) (err error) {
	if path == "" && flags.to == "" {
		return command.Usage("serve takes a folder of streams, or a store with --to")
	}
	if err := flags.readSecrets(); err != nil {
		return err
	}
	served := web.Options{Logs: web.LogsIn(path, flags.logs), Registry: prometheus.NewRegistry()}
	if lines := flags.options(); flags.to != "" {
		served.Ingest, flags.durable = &lines, true
	} else {
		folder, err := os.MkdirTemp("", "quire-project-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(folder)
		flags.to = "sqlite:" + filepath.Join(folder, "quire.db")
	}
	listener, err := worker.Listen(flags.listen, exact)
	var failed *net.OpError
	switch {
	case errors.As(err, &failed):
		return fmt.Errorf("--listen: %w; name another one", err)
	case err != nil:
		return command.Usage("--listen: %w", err)
	}
	defer listener.Close()
	messages := live.NewQueue(ctx, p.Err, false)
	defer func() { _ = messages.Close() }() // there is nowhere to report an error of stderr
	options := follow.Options{Streams: flags.options(), Grace: closing}
	options.Tell(func(words string) { say(messages, words) }, func(err error) { tell(messages, err) })
	s, err := p.openFollowed(ctx, path, flags.followFlags, options.Retry)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, s.Close()) }()
	served.Store, served.Logger = s, slog.New(slog.NewTextHandler(messages, &slog.HandlerOptions{Level: slog.LevelWarn}))
	server := web.New(served)
	defer server.Close()
	options.Store, options.Report.Written = s, server.Written
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		if path == "" {
			return
		}
		if _, err := follow.Follow(ctx, path, options); !errors.Is(err, context.Canceled) {
			stop(err)
		}
	}()
	scheme := "http"
	if flags.access.Certificate != nil {
		scheme = "https"
	}
	say(messages, fmt.Sprintf("serving at %s://%s", scheme, listener.Addr()))
	err = web.Serve(ctx, listener, server, flags.access)
	stop(nil)
	<-followed
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		err = cmp.Or(err, cause)
	}
	return err
}

// newToken makes the command that prints the token of a run.
func newToken(p *app) *cobra.Command {
	var file string
	cmd := help.Command("token", cobra.ExactArgs(1), func(_ context.Context, args []string) error {
		if file == "" {
			return command.Usage("name the file with the token of the server with --token-file")
		}
		token, err := web.ReadToken(file)
		if err == nil {
			err = store.CheckRunID(domain.RunID(args[0]))
		}
		if err != nil {
			return command.Usage("%w", err)
		}
		_, err = fmt.Fprintln(p.Out, web.RunToken(token, domain.RunID(args[0])))
		return err
	})
	cmd.Flags().StringVar(&file, "token-file", "", "the `file` with the token of the server")
	return cmd
}

// readSecrets reads the token and the certificate.
func (f *serveFlags) readSecrets() error {
	if (f.cert == "") != (f.key == "") {
		return command.Usage("--tls-cert and --tls-key go together")
	}
	if f.tokenFile != "" {
		token, err := web.ReadToken(f.tokenFile)
		if err != nil {
			return command.Usage("--token-file: %w", err)
		}
		f.access.Token = token
	}
	if f.cert != "" {
		certificate, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return command.Usage("--tls-cert: %w", err)
		}
		f.access.Certificate = &certificate
	}
	return nil
}
