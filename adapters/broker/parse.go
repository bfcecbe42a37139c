package broker

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/quire-ci/quire-project/domain"
)

// Segment returns the segment that msg was made of, whose payload it shares. The
// error is a [*NotSegmentError]. Metadata that it does not know is left alone:
// middleware and brokers add some.
func Segment(msg *message.Message) (domain.Segment, error) {
	segment, err := parse(msg)
	if err == nil {
		err = check(&segment)
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

// parseRun takes only the one spelling that [Message] writes, so that nobody
// has to wonder whether two messages are of one run.
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
	// Decode would write as much as there is.
	if len(text) == hex.EncodedLen(len(sum)) {
		if _, err := hex.Decode(sum[:], []byte(text)); err == nil && sum != unknown && hex.EncodeToString(sum[:]) == text {
			return sum, nil
		}
	}
	return unknown, fmt.Errorf("its %s is not a digest in hex", keySHA256)
}
