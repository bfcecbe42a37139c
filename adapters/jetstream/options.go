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

// Options are the settings that are not in the address. The zero value selects the defaults.
type Options struct {
	// Stream is the name of the stream if the address has none. It consists of letters, digits, - and
	// _. The default is "quire".
	Stream string
	// Group is the group of this broker's workers. It consists of letters, digits, - and _. The
	// workers of a group divide the partitions among themselves, and each group receives all messages,
	// so use one group for each store. A publisher needs none.
	Group string
	// Partitions is the minimum number of partitions. Zero keeps the current number, and creates a new
	// stream with 8. A larger number than the current one raises it.
	Partitions int
	// Replicas is the number of servers in a cluster that keep a copy of the data, 1 to 5. Zero keeps
	// the current number, and creates a new stream with one.
	Replicas int
	// Credentials is the path of a NATS .creds file. CAFile, CertFile and KeyFile are the paths of PEM
	// files for TLS. If neither these nor the address are set, the environment is used: NATS_CREDS,
	// NATS_USER, NATS_PASSWORD, NATS_TOKEN, and NATS_CA, NATS_CERT, NATS_KEY.
	Credentials, CAFile, CertFile, KeyFile string
	// InFlight is how many messages of a partition are delivered before the first of them is acked.
	// The default is 16. A worker keeps that many in memory for each of its partitions, but no more
	// than about 8 MiB of them.
	InFlight int
	// Logger, if set, receives log records about lost connections, and about acquired and released
	// partitions.
	Logger *slog.Logger

	// The fields below are for tests.

	// inFlightBytes limits the bytes of the messages in flight. One more message, and messages that
	// were already requested, may exceed it.
	inFlightBytes int
	// ackWait is how long the server waits for a progress signal before it delivers a message again.
	// The worker sends such signals while a message is in flight.
	ackWait time.Duration
	// lease is how long a worker remains a member of its group, and keeps its pins, without a
	// heartbeat.
	lease time.Duration
	// drain is how long messages in flight may take after their partition is released or the
	// subscription ends. After that their contexts are cancelled, and another worker receives them.
	drain time.Duration
	// publishTimeout is how long Publish retries.
	publishTimeout time.Duration
	// maxAge is how long a new stream keeps messages.
	maxAge time.Duration
	// name is a readable part of the ids of workers and connections.
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

// ErrOptions is wrapped by errors about invalid options.
var ErrOptions = errors.New("wrong options")

// wrongError is an error about an invalid option.
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

// maxPartitions bounds the work that a worker does each second to keep its partitions.
const maxPartitions = 1024
