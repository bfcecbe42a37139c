package broker

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// The metadata of a message. Values are printable ASCII without spaces, since
// brokers carry them as headers.
const (
	// keyVersion is the version of the format, which also says that the message is
	// meant to be a segment.
	keyVersion = "quire-segment"
	// keyRun is the run's id, percent-encoded as a segment of a URL's path is.
	keyRun = "quire-run"
	// keyOffset and keyLength are decimal: where the payload begins in the stream,
	// and how many bytes it has.
	keyOffset = "quire-offset"
	keyLength = "quire-length"
	// keyTail is "1" if the stream ends with the payload, and absent otherwise.
	keyTail = "quire-tail"
	// keySHA256 is the digest of the stream up to the end of the payload, in lower-case hex. It is
	// absent if the digest is unknown.
	keySHA256 = "quire-sha256"
)

// version is the version of the format of messages. It changes if a reader of the previous version
// would misunderstand a message.
const version = "1"

// namespace is the namespace of the UUIDs of messages. It must never change: a broker
// recognizes a message by its UUID.
var namespace = uuid.MustParse("6f2d7b57-6a0e-4c0c-9d0b-0d1c8f2a5e43")

// Message makes a message of segment, whose Data it shares. The message's UUID is a function of the
// segment's position and of the digest up to its end: a broker that compares UUIDs recognizes a
// segment that is published twice. The same stream cut differently gives other messages. A [Publisher]
// uses other UUIDs.
func Message(segment domain.Segment) *message.Message { return messageIn(namespace, segment) }

// messageIn makes a message with a UUID in a namespace.
func messageIn(space uuid.UUID, segment domain.Segment) *message.Message {
	msg := message.NewMessage(identity(space, &segment), segment.Data)
	msg.Metadata.Set(keyVersion, version)
	msg.Metadata.Set(keyRun, url.PathEscape(string(segment.Run)))
	msg.Metadata.Set(keyOffset, strconv.FormatInt(segment.Offset, 10))
	msg.Metadata.Set(keyLength, strconv.Itoa(len(segment.Data)))
	if segment.Tail {
		msg.Metadata.Set(keyTail, "1")
	}
	if segment.SHA256 != unknown {
		msg.Metadata.Set(keySHA256, hex.EncodeToString(segment.SHA256[:]))
	}
	return msg
}

// identity returns the UUID of a segment's message. It includes the digest, so that a broker does not
// mistake another stream with the same run id for the earlier one.
func identity(space uuid.UUID, s *domain.Segment) string {
	// The run comes last, because it alone can hold a space.
	name := fmt.Sprintf("%d %d %t %x %s", s.Offset, len(s.Data), s.Tail, s.SHA256, s.Run)
	return uuid.NewSHA1(space, []byte(name)).String()
}

// NotSegmentError reports a message that [Message] did not make, or that arrived incomplete. Retrying
// is pointless.
type NotSegmentError struct {
	// UUID is the UUID of the message.
	UUID string
	// Reason says what is wrong. It quotes nothing of the message.
	Reason string
}

func (e *NotSegmentError) Error() string {
	return fmt.Sprintf("message %s is no segment of a stream: %s", short(e.UUID), e.Reason)
}

// Segment returns the segment of msg, whose payload it shares. The error is a [*NotSegmentError].
// Segment ignores unknown metadata, because middleware and brokers add some.
func Segment(msg *message.Message) (domain.Segment, error) {
	segment, err := parse(msg)
	if err == nil { // it may come from anyone
		err = store.CheckSegment(&segment)
	}
	if err != nil {
		return domain.Segment{}, &NotSegmentError{UUID: msg.UUID, Reason: err.Error()}
	}
	return segment, nil
}

func parse(msg *message.Message) (segment domain.Segment, err error) {
	if got := msg.Metadata.Get(keyVersion); got != version {
		if got == "" {
			return segment, fmt.Errorf("it has no %s among its metadata", keyVersion)
		}
		return segment, fmt.Errorf("its %s is not %s; if a newer version of this program sends it, use that one here too", keyVersion, version)
	}
	segment = domain.Segment{Data: msg.Payload}
	if segment.Run, err = parseRun(msg.Metadata.Get(keyRun)); err != nil {
		return segment, err
	}
	if segment.Offset, err = parseCount(msg, keyOffset); err != nil {
		return segment, err
	}
	length, err := parseCount(msg, keyLength)
	if err == nil && length != int64(len(msg.Payload)) {
		err = fmt.Errorf("its %s says %d bytes, and it has %d", keyLength, length, len(msg.Payload))
	}
	if err != nil {
		return segment, err
	}
	if segment.Tail, err = parseTail(msg); err != nil {
		return segment, err
	}
	segment.SHA256, err = parseDigest(msg)
	return segment, err
}

// parseRun accepts only the one spelling that [Message] writes, so that two messages of
// one run have the same text.
func parseRun(escaped string) (domain.RunID, error) {
	run, err := url.PathUnescape(escaped)
	if err != nil || url.PathEscape(run) != escaped {
		return "", fmt.Errorf("its %s is not percent-encoded as it should be", keyRun)
	}
	return domain.RunID(run), nil
}

func parseCount(msg *message.Message, key string) (int64, error) {
	text := msg.Metadata.Get(key)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != text {
		return 0, fmt.Errorf("its %s is not a number of bytes", key)
	}
	return n, nil
}

func parseTail(msg *message.Message) (bool, error) {
	text, tail := msg.Metadata[keyTail]
	if tail && text != "1" {
		return false, fmt.Errorf("its %s is not 1", keyTail)
	}
	return tail, nil
}

func parseDigest(msg *message.Message) (digest, error) {
	text, known := msg.Metadata[keySHA256]
	if !known {
		return unknown, nil
	}
	var sum digest
	// hex.Decode would write past the end of the array.
	if len(text) == hex.EncodedLen(len(sum)) {
		if _, err := hex.Decode(sum[:], []byte(text)); err == nil && sum != unknown && hex.EncodeToString(sum[:]) == text {
			return sum, nil
		}
	}
	return unknown, fmt.Errorf("its %s is not a digest in hex", keySHA256)
}

// digest is the SHA-256 of a stream. The zero digest means unknown.
type digest = [sha256.Size]byte

var unknown digest

// checkAll returns an error for the first segment that must not be sent.
func checkAll(segments []domain.Segment) error {
	for i := range segments {
		if err := store.CheckSegment(&segments[i]); err != nil {
			return fmt.Errorf("run %s at byte %d: the message is not a segment: %w", printable.Name(string(segments[i].Run)), segments[i].Offset, err)
		}
	}
	return nil
}
