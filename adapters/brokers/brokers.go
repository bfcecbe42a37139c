// Package brokers opens a message broker by its address. The broker is NATS JetStream.
//
//	b, err := brokers.Open(ctx, "nats://localhost", brokers.Options{})
package brokers

import (
	"cmp"
	"context"
	"errors"
	"regexp"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/adapters/jetstream"
)

// Broker is an open broker, and Options say how it is opened.
type (
	Broker  = jetstream.Broker
	Options = jetstream.Options
)

// Syntax is how addresses are written.
const Syntax = "nats://[USER:PASSWORD@]HOST[:PORT][,HOST...][/STREAM] or tls://..."

// Schemes are how addresses begin.
var Schemes = []string{"nats://", "tls://"}

var address = regexp.MustCompile(`^(nats|tls)://`)

// ErrAddress and ErrOptions are wrong input, and not a fault of the broker.
var (
	ErrAddress = jetstream.ErrAddress
	ErrOptions = jetstream.ErrOptions
)

// IsAddress reports whether a text is meant to be the address of a broker.
func IsAddress(text string) bool { return address.MatchString(text) }

// inFlight is how many messages of a partition a worker holds at once, if they are small.
// Messages that come together are committed together, so that many short runs cost little each.
const inFlight = 256

// Open opens the broker at an address. A worker sets [jetstream.Options].Group to the id of its
// store; a publisher sets none.
func Open(ctx context.Context, address string, o Options) (*Broker, error) {
	o.InFlight = cmp.Or(o.InFlight, inFlight)
	return jetstream.Open(ctx, address, o)
}

// IsUnreachable reports whether err says that no server answers.
func IsUnreachable(err error) bool { return errors.Is(err, jetstream.ErrUnreachable) }

// IsHopeless reports whether it is pointless to publish a message again after err.
func IsHopeless(err error) bool {
	return errors.Is(err, jetstream.ErrTooLarge) || errors.Is(err, jetstream.ErrClosed)
}

// Reason describes what is wrong with the broker, without secrets.
func Reason(err error) string {
	return printable.Reason(err, jetstream.ErrUnreachable, jetstream.ErrNoStream, jetstream.ErrCredentials,
		jetstream.ErrCertificate, jetstream.ErrNoJetStream, jetstream.ErrForeign)
}
