package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/adapters/broker/metrics"
	"github.com/quire-ci/quire-project/adapters/jetstream"
)

// openedBroker is what the commands need of a message broker. Another one of
// Watermill's takes JetStream's place with a constructor like openJetStream.
type openedBroker struct {
	broker.Topics
	publisher  message.Publisher
	subscriber message.Subscriber
	// poison is the topic for messages that are no segments.
	poison string
	// maxSegment is how many bytes of a stream fit into a message.
	maxSegment int
	// hopeless tells errors with which it is pointless to publish again.
	hopeless func(error) bool
	// lag is what is still to be applied of each partition.
	lag func(context.Context) (map[int]metrics.Backlog, error)
	// ready is an error until all partitions are read that are this worker's.
	ready func() error
	// words says of an error what is wrong with the broker, without anything secret.
	words func(error) string
	// replay has what the broker still holds delivered once more.
	replay func(context.Context) error
	// name is the address, without secrets.
	name  string
	close func() error
}

// brokerFlags say how a broker is connected to, and what is made there.
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

// knownBrokers is the syntax of a broker's address, as messages and help texts show it.
const knownBrokers = "nats://[USER:PASSWORD@]HOST[:PORT][,HOST...][/STREAM] or tls://..."

// natsAddress is how the address of a NATS server begins.
var natsAddress = regexp.MustCompile(`^(nats|tls)://`)

// check reports what cannot be the address of a broker.
func (f *brokerFlags) check(flag, address string) error {
	switch {
	case address == "":
		return usageError(fmt.Errorf("name the broker with %s, as %s", flag, knownBrokers))
	case !natsAddress.MatchString(address): // which may hold a password, whatever it is
		return usageError(fmt.Errorf("%s takes the address of a broker: %s", flag, knownBrokers))
	}
	return nil
}

// open opens the broker that a flag names, for the store with the given id, or for
// publishing where that is empty. It waits for no server.
func (f *brokerFlags) open(ctx context.Context, flag, address, storeID string, log *slog.Logger) (*openedBroker, error) {
	if err := f.check(flag, address); err != nil {
		return nil, err
	}
	opened, err := openJetStream(ctx, address, jetstream.Options{
		Group: storeID, Partitions: f.partitions, Replicas: f.replicas, InFlight: inFlight,
		Credentials: f.creds, CAFile: f.ca, CertFile: f.cert, KeyFile: f.key, Logger: log,
	})
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, errInterrupted
	case errors.Is(err, jetstream.ErrAddress):
		return nil, usageError(fmt.Errorf("%s: %w", flag, err))
	case errors.Is(err, jetstream.ErrOptions):
		return nil, usageError(err)
	}
	return opened, err
}

// inFlight is how many messages of a partition a worker holds at once, if they are not
// large. Messages that come together are committed together, so that many short runs
// cost little each.
const inFlight = 256

func openJetStream(ctx context.Context, address string, options jetstream.Options) (*openedBroker, error) {
	b, err := jetstream.Open(ctx, address, options)
	if err != nil {
		return nil, err
	}
	return &openedBroker{
		Topics: b, publisher: b.Publisher(), subscriber: b.Subscriber(), poison: b.Poison(), maxSegment: b.MaxMessage(),
		hopeless: func(err error) bool {
			return errors.Is(err, jetstream.ErrTooLarge) || errors.Is(err, jetstream.ErrClosed)
		},
		lag:   func(ctx context.Context) (map[int]metrics.Backlog, error) { return backlogs(b.Lag(ctx)) },
		ready: b.Ready, words: jetStreamWords,
		replay: b.Replay, name: b.String(), close: b.Close,
	}, nil
}

func backlogs(all []jetstream.Lag, err error) (map[int]metrics.Backlog, error) {
	found := make(map[int]metrics.Backlog, len(all))
	for _, lag := range all {
		found[lag.Partition] = metrics.Backlog{Waiting: int64(lag.Pending) + int64(lag.InFlight), Pending: int64(lag.Pending), Done: lag.Done}
	}
	return found, err
}

func jetStreamWords(err error) string {
	return inWords(err, jetstream.ErrUnreachable, jetstream.ErrNoStream, jetstream.ErrCredentials, jetstream.ErrCertificate, jetstream.ErrNoJetStream, jetstream.ErrForeign)
}

// inWords says what is wrong by what the first of some errors says that err is. The rest of
// what err says may be secret.
func inWords(err error, known ...error) string {
	for _, meaning := range known {
		if errors.Is(err, meaning) {
			return meaning.Error()
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return "an error that is in the log"
}
