package jetstream

import (
	"net/url"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// metaPrefix is the prefix of the headers that hold a message's metadata.
const metaPrefix = "Quire-Meta-"

// encode makes the NATS message of a message. UUID and metadata are
// escaped as in a URL, because a header cannot hold everything that they can.
//
// The server knows a message that is published again by its id. It compares
// the ids of all messages of a stream, and one message can be published to
// several topics: the topic is part of the id.
func encode(topic string, m *message.Message) *nats.Msg {
	wire := &nats.Msg{Subject: topic, Data: m.Payload, Header: make(nats.Header, 1+len(m.Metadata))}
	if m.UUID != "" {
		wire.Header[jetstream.MsgIDHeader] = []string{topic + "/" + url.QueryEscape(m.UUID)}
	}
	for key, value := range m.Metadata {
		wire.Header[metaPrefix+url.QueryEscape(key)] = []string{url.QueryEscape(value)}
	}
	return wire
}

// decode makes the message of a NATS message. Headers of other publishers that are not escaped stay
// as they are.
func decode(wire *nats.Msg) *message.Message {
	id := strings.TrimPrefix(wire.Header.Get(jetstream.MsgIDHeader), wire.Subject+"/")
	m := message.NewMessage(unescape(id), wire.Data)
	for name, values := range wire.Header {
		if key, ok := strings.CutPrefix(name, metaPrefix); ok && len(values) > 0 {
			m.Metadata[unescape(key)] = unescape(values[0])
		}
	}
	return m
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}
