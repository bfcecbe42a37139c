package cli

import (
	"context"
	"errors"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/brokers"
	"github.com/quire-ci/quire-project/cmd/internal/command"
)

// brokerFlags are the flags for the connection to a broker, and for the streams to create there.
type brokerFlags struct {
	partitions int
	replicas   int
	creds      string
	ca         string
	cert       string
	key        string
}

func (f *brokerFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&f.partitions, "partitions", 0, "minimum number of partitions; can be raised at any time, never lowered\n(default: keep the current number; 8 for a new stream)")
	flags.IntVar(&f.replicas, "replicas", 0, "number of servers of a cluster that keep each message, 1 to 5\n(default: keep the current number; 1 for a new stream)")
	flags.StringVar(&f.creds, "creds", "", "a NATS credentials `file` (default: $NATS_CREDS)")
	flags.StringVar(&f.ca, "tls-ca", "", "PEM `file` of the CA that signed the server's certificate (default:\n$NATS_CA, or the system's trust store)")
	flags.StringVar(&f.cert, "tls-cert", "", "PEM `file` of the client certificate (default: $NATS_CERT)")
	flags.StringVar(&f.key, "tls-key", "", "PEM `file` of the client certificate's key (default: $NATS_KEY)")
}

// check returns an error for an invalid broker address. The error does not show the address, which may
// contain a password.
func (f *brokerFlags) check(flag, address string) error {
	switch {
	case address == "":
		return command.Usage("name the broker with %s, as %s", flag, brokers.Syntax)
	case !brokers.IsAddress(address):
		return command.Usage("%s takes the address of a broker: %s", flag, brokers.Syntax)
	}
	return nil
}

// open opens the broker that a flag names: for workers of the store with the given id, or for
// publishing if the id is empty.
func (f *brokerFlags) open(ctx context.Context, flag, address, storeID string, log *slog.Logger) (*brokers.Broker, error) {
	if err := f.check(flag, address); err != nil {
		return nil, err
	}
	b, err := brokers.Open(ctx, address, brokers.Options{
		Group: storeID, Partitions: f.partitions, Replicas: f.replicas,
		Credentials: f.creds, CAFile: f.ca, CertFile: f.cert, KeyFile: f.key, Logger: log,
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, brokers.ErrAddress):
		return nil, command.Usage("%s: %w", flag, err)
	case errors.Is(err, brokers.ErrOptions):
		return nil, command.Usage("%w", err)
	}
	return b, err
}
