package jetstream

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"time"
)

// Options are what an address does not say. The zero value is good.
type Options struct {
	// Stream is the name of the stream, of letters, digits, - and _, where the
	// address does not name it. The default is "quire".
	Stream string
	// Group is the group of this broker's workers, of letters, digits, - and _. The
	// workers of a group share out the partitions among themselves, and each group gets all
	// messages: a group is for one store. A publisher needs none.
	Group string
	// Partitions is how many there are to be. Zero leaves as many as there are,
	// and makes a new stream with 8. More than there are raises the number.
	Partitions int
	// Replicas is on how many servers of a cluster everything is kept, 1 to 5.
	// Zero leaves it as it is, and makes a new stream with one.
	Replicas int
	// MaxAge is for how long a new stream keeps messages, 7 days by default.
	MaxAge time.Duration

	// Credentials is the path of a NATS .creds file; CAFile, CertFile and KeyFile
	// those of PEM files for TLS. Where neither they nor the address say
	// anything, the environment does: NATS_CREDS, NATS_USER, NATS_PASSWORD,
	// NATS_TOKEN, and NATS_CA, NATS_CERT, NATS_KEY.
	Credentials, CAFile, CertFile, KeyFile string
	// Name tells people which connection and which worker this is. The default
	// is the name of the host.
	Name string

	// InFlight is how many messages of a partition are handed out before the
	// first of them is acked, 16 by default. A worker holds in memory as many
	// for each of its partitions.
	InFlight int
	// InFlightBytes is how many bytes those have together, 8 MiB by default. It is
	// exceeded by what one message more has, and by what was asked for before.
	InFlightBytes int
	// AckWait is how long the server waits for a sign of life before it
	// delivers a message again, 10 seconds by default. As long as a message is
	// in hand, the server is told so.
	AckWait time.Duration
	// Lease is how long a partition stays with a worker that gives no sign
	// of life, 5 seconds by default. It is set when the stream is made.
	Lease time.Duration
	// Drain is how long messages in hand may take when their partition is given
	// up or the subscription ends, 10 seconds by default. Then their contexts
	// are cancelled, and somebody else gets them.
	Drain time.Duration
	// PublishTimeout is how long Publish tries, 30 seconds by default.
	PublishTimeout time.Duration

	// Logger is told of lost connections, and of partitions that come and go.
	Logger *slog.Logger
}

var streamName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func (o Options) withDefaults() Options {
	host, _ := os.Hostname()
	o.Stream = cmp.Or(o.Stream, "quire")
	o.Name = cmp.Or(o.Name, host, "worker")
	o.InFlight = cmp.Or(o.InFlight, 16)
	o.InFlightBytes = cmp.Or(o.InFlightBytes, 8<<20)
	o.MaxAge = cmp.Or(o.MaxAge, 7*24*time.Hour)
	o.AckWait = cmp.Or(o.AckWait, 10*time.Second)
	o.Lease = cmp.Or(o.Lease, 5*time.Second)
	o.Drain = cmp.Or(o.Drain, 10*time.Second)
	o.PublishTimeout = cmp.Or(o.PublishTimeout, 30*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// ErrOptions is in errors that say that options cannot be as they are.
var ErrOptions = errors.New("wrong options")

// wrongError says what is wrong with options.
type wrongError string

func (e wrongError) Error() string        { return string(e) }
func (e wrongError) Is(target error) bool { return target == ErrOptions }

func wrong(format string, values ...any) error { return wrongError(fmt.Sprintf(format, values...)) }

func (o Options) check() error {
	switch {
	case !streamName.MatchString(o.Stream):
		return wrong("%q cannot be the name of a stream: it has letters, digits, - and _ only", o.Stream)
	case o.Group != "" && !streamName.MatchString(o.Group):
		return wrong("%q cannot be the name of a group: it has letters, digits, - and _ only", o.Group)
	case o.Partitions < 0 || o.Partitions > maxPartitions:
		return wrong("%d partitions: there can be 1 to %d", o.Partitions, maxPartitions)
	case o.Replicas < 0 || o.Replicas > 5:
		return wrong("%d replicas: there can be 1 to 5", o.Replicas)
	case o.InFlight < 0 || o.InFlightBytes < 0 || o.MaxAge < 0 || o.AckWait < 0 || o.Lease < 0 || o.Drain < 0 || o.PublishTimeout < 0:
		return wrong("no time, and neither InFlight nor InFlightBytes, can be negative")
	case o.Lease < 500*time.Millisecond:
		return wrong("a lease of %v is too short to be renewed in time: half a second is the least", o.Lease)
	}
	return nil
}

// maxPartitions bounds what a worker does each second to keep its partitions.
const maxPartitions = 1024
