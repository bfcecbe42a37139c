package jetstream

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/quire-ci/quire-project/adapters/internal/throttle"
)

// connect connects to one of the servers. It passes no secret to the client in a URL, so that the
// client cannot show one.
func connect(ctx context.Context, t target, o Options) (*nats.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	options := []nats.Option{
		nats.Name("quire-project " + o.name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond),
		nats.IgnoreAuthErrorAbort(), // credentials may be in the process of being replaced
		// Sending while disconnected has to fail: this package retries.
		nats.ReconnectBufSize(-1),
		nats.PingInterval(5 * time.Second),
		nats.Timeout(timeLeft(ctx, 5*time.Second)),
	}
	options = append(options, identity(t, o)...)
	options = append(options, encryption(o)...)
	options = append(options, logging(o.Logger.With("broker", t.String()))...)
	return dial(ctx, strings.Join(t.servers, ","), options)
}

// dial connects, and stops when ctx ends, because the client does not support contexts.
func dial(ctx context.Context, servers string, options []nats.Option) (*nats.Conn, error) {
	type result struct {
		conn *nats.Conn
		err  error
	}
	dialled := make(chan result, 1)
	go func() {
		conn, err := nats.Connect(servers, options...)
		dialled <- result{conn, err}
	}()
	select {
	case r := <-dialled:
		return r.conn, r.err
	case <-ctx.Done():
		go func() {
			if r := <-dialled; r.err == nil {
				r.conn.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

func timeLeft(ctx context.Context, most time.Duration) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(most, time.Until(deadline))
	}
	return most
}

// identity returns the user or token of the address, or else of the options, or else of the
// environment.
func identity(t target, o Options) []nats.Option {
	if t.user == "" && t.token == "" && o.Credentials == "" {
		t.user, t.password, t.token = os.Getenv("NATS_USER"), os.Getenv("NATS_PASSWORD"), os.Getenv("NATS_TOKEN")
		o.Credentials = os.Getenv("NATS_CREDS")
	}
	var options []nats.Option
	if t.user != "" {
		options = append(options, nats.UserInfo(t.user, t.password))
	}
	if t.token != "" {
		options = append(options, nats.Token(t.token))
	}
	if o.Credentials != "" {
		options = append(options, nats.UserCredentials(o.Credentials))
	}
	return options
}

func encryption(o Options) []nats.Option {
	var options []nats.Option
	if ca := cmp.Or(o.CAFile, os.Getenv("NATS_CA")); ca != "" {
		options = append(options, nats.RootCAs(ca))
	}
	cert, key := o.CertFile, o.KeyFile
	if cert == "" && key == "" {
		cert, key = os.Getenv("NATS_CERT"), os.Getenv("NATS_KEY")
	}
	if cert != "" || key != "" {
		options = append(options, nats.ClientCert(cert, key))
	}
	return options
}

func logging(log *slog.Logger) []nats.Option {
	var errors throttle.Texts
	return []nats.Option{
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("the connection to the broker is lost; reconnecting", "error", err)
			}
		}),
		nats.ReconnectHandler(func(conn *nats.Conn) {
			log.Info("reconnected to the broker", "server", conn.ConnectedAddr())
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Allow(err.Error()) {
				log.Warn("the broker reports an error", "error", err)
			}
		}),
	}
}
