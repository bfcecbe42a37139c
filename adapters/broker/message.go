package broker

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/quire-ci/quire-project/domain"
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
	// keyTail is there, and "1", if the stream ends with the payload.
	keyTail = "quire-tail"
	// keySHA256 is the digest of the stream until the end of the payload, in lower-case
	// hex; it is left out where that is not known.
	keySHA256 = "quire-sha256"
)

// version is that of the format of messages. It changes when a reader of the one
// before would misunderstand a message.
const version = "1"

// namespace is that of the UUIDs of messages. It must never change: a broker
// knows by its UUID that a message was there before.
var namespace = uuid.MustParse("6f2d7b57-6a0e-4c0c-9d0b-0d1c8f2a5e43")

// Message makes a message of segment, whose Data it shares. The message's UUID is a
// function of where the segment stands and of what was read until its end: the same one
// published twice is one message to a broker that looks at UUIDs, and the same stream cut
// in another way gives other messages. A [Publisher] gives them other UUIDs, see there.
func Message(segment domain.Segment) *message.Message { return messageIn(namespace, segment) }

// messageIn makes a message whose UUID is one of a namespace.
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

// identity is the UUID of a segment's message. The digest is part of it, so that a
// broker does not take another stream with the same run's id for the one it had.
func identity(space uuid.UUID, s *domain.Segment) string {
	// The run comes last, because it alone can hold a space.
	name := fmt.Sprintf("%d %d %t %x %s", s.Offset, len(s.Data), s.Tail, s.SHA256, s.Run)
	return uuid.NewSHA1(space, []byte(name)).String()
}

// NotSegmentError says that a message is not one that [Message] has made, or
// that it has not arrived whole. To try again is pointless.
type NotSegmentError struct {
	// UUID is the message's.
	UUID string
	// Reason says what is wrong. It quotes nothing of the message.
	Reason string
}

func (e *NotSegmentError) Error() string {
	return fmt.Sprintf("message %s is no segment of a stream: %s", short(e.UUID), e.Reason)
}
