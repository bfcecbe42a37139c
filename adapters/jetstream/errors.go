package jetstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var (
	// ErrAddress is returned by [Open] for an address that is not understood.
	ErrAddress = errors.New("the address of the broker is not understood")
	// ErrUnreachable says that no server answers.
	ErrUnreachable = errors.New("no server answers at this address")
	// ErrCredentials says that the server refuses the connection, or an operation.
	ErrCredentials = errors.New("the server refuses the connection or an operation; check user and password, token or credentials")
	// ErrCertificate says that the server may not be the right one.
	ErrCertificate = errors.New("the certificate of the server cannot be verified; name the file of the authority that it is by, and the host as the certificate does")
	// ErrNoJetStream says that the server is one without JetStream.
	ErrNoJetStream = errors.New("JetStream is not enabled on the server, or not for this account; start it with nats-server --jetstream")
	// ErrNoTLS says that the server does not encrypt, and was asked to.
	ErrNoTLS = errors.New("the server has no TLS; switch it on there, or connect with nats://")
	// ErrReplicas says that there are not so many servers that JetStream could keep so
	// many replicas.
	ErrReplicas = errors.New("there are fewer servers with JetStream than replicas are asked for; ask for fewer, or add servers")
	// ErrNoStream says that the stream was deleted while the broker is open, or that
	// its servers have no leader.
	ErrNoStream = errors.New("there is no stream, or its servers have no leader; if it was deleted, publish again or start a worker, which makes it")
	// ErrForeign says that there is a stream of this name that this package has
	// not made. It is left alone.
	ErrForeign = errors.New("there is a stream of this name that is not this program's; name another one")
	// ErrTooLarge says that a message is larger than the server takes; see
	// [Broker.MaxMessage].
	ErrTooLarge = errors.New("the message is larger than the server takes")
	// ErrTopic says that a topic is none of the broker's.
	ErrTopic = errors.New("not a topic of this broker")
	// ErrSubscribed says that the subscriber has a subscription to the topic
	// already.
	ErrSubscribed = errors.New("already subscribed")
	// ErrNotReady is returned by [Broker.Ready].
	ErrNotReady = errors.New("the worker does not read all of its partitions yet")
	// ErrClosed says that the broker, publisher or subscriber has been closed.
	ErrClosed = errors.New("closed")
)

// meanings are this package's errors for those of the client.
var meanings = []struct{ from, to error }{
	{nats.ErrAuthorization, ErrCredentials},
	{nats.ErrAuthExpired, ErrCredentials},
	{nats.ErrAuthRevoked, ErrCredentials},
	{nats.ErrPermissionViolation, ErrCredentials},
	{nats.ErrSecureConnWanted, ErrNoTLS},
	{jetstream.ErrJetStreamNotEnabled, ErrNoJetStream},
	{jetstream.ErrJetStreamNotEnabledForAccount, ErrNoJetStream},
	{jetstream.ErrNoStreamResponse, ErrNoStream},
	{jetstream.ErrStreamNotFound, ErrNoStream},
	{nats.ErrMaxPayload, ErrTooLarge},
	{nats.ErrConnectionClosed, ErrClosed},
	{nats.ErrNoServers, ErrUnreachable},
	{nats.ErrReconnectBufExceeded, ErrUnreachable}, // of a connection that is lost, as nothing is buffered
	{nats.ErrTimeout, ErrUnreachable},
}

// explain puts one of this package's errors before one of the client's.
func explain(err error) error {
	for _, meaning := range meanings {
		if errors.Is(err, meaning.from) && !errors.Is(err, meaning.to) {
			return fmt.Errorf("%w: %w", meaning.to, err)
		}
	}
	if certificate := (*tls.CertificateVerificationError)(nil); errors.As(err, &certificate) {
		return fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	switch apiCode(err) {
	case jetstream.JSErrCodeStreamMessageExceedsMaximum:
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case codeNoCluster:
		return fmt.Errorf("%w: %w", ErrReplicas, err)
	}
	return err
}

// isMissing reports whether err says that a stream was deleted.
func isMissing(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrNoStreamResponse)
}

// codeNoCluster says that a server alone cannot keep replicas.
const codeNoCluster jetstream.ErrorCode = 10074

// codeInProcess says that a message with the same UUID has been sent before, and that
// the cluster has not agreed on it yet: it may never do, and the message be needed again.
const codeInProcess jetstream.ErrorCode = 10158

// permanent reports whether a retry is pointless. A cluster that elects a leader, and a connection
// that is lost, have so many errors that the others are listed here.
func permanent(err error) bool {
	for _, target := range []error{
		nats.ErrMaxPayload, nats.ErrConnectionClosed, nats.ErrBadSubject, nats.ErrPermissionViolation, nats.ErrAuthorization,
		jetstream.ErrJetStreamNotEnabled, jetstream.ErrJetStreamNotEnabledForAccount,
		ErrForeign, ErrTooLarge, ErrClosed, errFewer, context.Canceled,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	switch apiCode(err) {
	case codeNoCluster:
		return true
	case codeInProcess:
		return false
	}
	var said *jetstream.APIError
	return errors.As(err, &said) && said.Code >= 400 && said.Code < 500 && said.Code != 408 && said.Code != 429
}

func apiCode(err error) jetstream.ErrorCode {
	var said *jetstream.APIError
	if errors.As(err, &said) {
		return said.ErrorCode
	}
	return 0
}
