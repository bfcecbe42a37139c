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

// Options are the settings that are not in the address. The zero value is good.
type Options struct {
	// Stream is the name of the stream, of letters, digits, - and _, where the
	// address does not name it. The default is "quire".
	Stream string
	// Group is the group of this broker's workers, of letters, digits, - and _. The
	// workers of a group divide the partitions among themselves, and each group gets all
	// messages: a group is for one store. A publisher needs none.
	Group string
	// Partitions is how many there are to be. Zero leaves as many as there are,
	// and makes a new stream with 8. More than there are raises the number.
	Partitions int
	// Replicas is on how many servers of a cluster everything is kept, 1 to 5.
	// Zero leaves it as it is, and makes a new stream with one.
	Replicas int
	// Credentials is the path of a NATS .creds file; CAFile, CertFile and KeyFile
	// those of PEM files for TLS. If neither they nor the address are set, the environment is used: NATS_CREDS, NATS_USER, NATS_PASSWORD,
	// NATS_TOKEN, and NATS_CA, NATS_CERT, NATS_KEY.
	Credentials, CAFile, CertFile, KeyFile string
	// InFlight is how many messages of a partition are handed out before the
	// first of them is acked, 16 by default. A worker keeps as many in memory
	// for each of its partitions, and no more than about 8 MiB of them.
	InFlight int
	// Logger, when set, gets the log: lost connections, and partitions that were acquired or released.
	Logger *slog.Logger

	// What follows is for tests.

	// inFlightBytes is how many bytes the messages in flight have together. It is exceeded by what
	// one message more has, and by what was requested before.
	inFlightBytes int
	// ackWait is how long the server waits for a sign of life before it delivers a message
	// again. As long as a message is in flight, the server is told so.
	ackWait time.Duration
	// lease is how long a worker counts as a member of its group, and keeps its pins, without a
	// sign of life.
	lease time.Duration
	// drain is how long messages in flight may take when their partition is released or the
	// subscription ends. Then their contexts are cancelled, and another worker gets them.
	drain time.Duration
	// publishTimeout is how long Publish tries.
	publishTimeout time.Duration
	// maxAge is for how long a new stream keeps messages.
	maxAge time.Duration
	// name is in the id of a worker and of a connection, for people.
	name string
}

var streamName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func (o Options) withDefaults() Options {
	host, _ := os.Hostname()
	o.Stream = cmp.Or(o.Stream, "quire")
	o.name = cmp.Or(o.name, host, "worker")
	o.InFlight = cmp.Or(o.InFlight, 16)
	o.inFlightBytes = cmp.Or(o.inFlightBytes, 8<<20)
	o.maxAge = cmp.Or(o.maxAge, 7*24*time.Hour)
	o.ackWait = cmp.Or(o.ackWait, 10*time.Second)
	o.lease = cmp.Or(o.lease, 5*time.Second)
	o.drain = cmp.Or(o.drain, 10*time.Second)
	o.publishTimeout = cmp.Or(o.publishTimeout, 30*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// ErrOptions is in errors about wrong options.
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
	case o.InFlight < 0:
		return wrong("%d messages in flight: there can be 1 or more", o.InFlight)
	}
	return nil
}

// maxPartitions bounds what a worker does each second to keep its partitions.
const maxPartitions = 1024
