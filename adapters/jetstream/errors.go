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
	// ErrAddress is returned by [Open] for an invalid address.
	ErrAddress = errors.New("the address of the broker is not valid")
	// ErrUnreachable reports that no server answers.
	ErrUnreachable = errors.New("no server answers at this address")
	// ErrCredentials reports that the server refuses the connection or an operation.
	ErrCredentials = errors.New("the server refuses the connection or an operation; check user and password, token or credentials")
	// ErrCertificate reports that the server's certificate cannot be verified.
	ErrCertificate = errors.New("the certificate of the server cannot be verified; name the file of its CA, and the host name that it has")
	// ErrNoJetStream reports that the server has no JetStream.
	ErrNoJetStream = errors.New("JetStream is not enabled on the server, or not for this account; start it with nats-server --jetstream")
	// ErrNoTLS reports that TLS was requested but the server does not support it.
	ErrNoTLS = errors.New("the server has no TLS; switch it on there, or connect with nats://")
	// ErrReplicas reports that the cluster has fewer servers with JetStream than replicas were
	// requested.
	ErrReplicas = errors.New("there are fewer servers with JetStream than the number of replicas; choose a lower number, or add servers")
	// ErrNoStream reports that the stream was deleted while the broker was open, or that its servers
	// have no leader.
	ErrNoStream = errors.New("there is no stream, or its servers have no leader; if it was deleted, publish again or start a worker, which makes it")
	// ErrForeign reports a stream of this name that this package did not create. It is left unchanged.
	ErrForeign = errors.New("a stream of this name belongs to another program; name another one")
	// ErrTooLarge reports a message that is larger than the server accepts; see [Broker.MaxMessage].
	ErrTooLarge = errors.New("the message is larger than the server accepts")
	// ErrTopic reports a topic that the broker does not have.
	ErrTopic = errors.New("not a topic of this broker")
	// ErrSubscribed reports that the subscriber already has a subscription to the topic.
	ErrSubscribed = errors.New("already subscribed")
	// ErrNotReady is returned by [Broker.Ready].
	ErrNotReady = errors.New("the worker does not read all of its partitions yet")
	// ErrClosed reports that the broker, publisher or subscriber is closed.
	ErrClosed = errors.New("closed")
)

// meanings maps errors of the client to errors of this package.
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
	{nats.ErrReconnectBufExceeded, ErrUnreachable}, // the connection is lost, as nothing is buffered
	{nats.ErrTimeout, ErrUnreachable},
}

// explain wraps an error of the client in one of this package.
func explain(err error) error {
	for _, meaning := range meanings {
		if errors.Is(err, meaning.from) && !errors.Is(err, meaning.to) {
			return fmt.Errorf("%w: %w", meaning.to, err)
		}
	}
	if errors.As(err, new(*tls.CertificateVerificationError)) {
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

// isMissing reports whether err means that a stream was deleted.
func isMissing(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrNoStreamResponse)
}

// codeNoCluster means that a single server cannot keep replicas.
const codeNoCluster jetstream.ErrorCode = 10074

// codeInProcess means that a message with the same UUID was sent before, and that the cluster has not
// agreed on it yet. The cluster may never agree, so the message may have to be sent again.
const codeInProcess jetstream.ErrorCode = 10158

// permanent reports whether a retry is pointless. It lists the permanent errors, because a cluster
// without a leader and a lost connection have too many different ones.
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
	if said, ok := errors.AsType[*jetstream.APIError](err); ok {
		return said.ErrorCode
	}
	return 0
}
