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

// encode returns the NATS message for a message. It escapes UUID and metadata as in a URL, because a
// header cannot contain all characters.
//
// The server recognizes a message that is published again by its id. It compares the ids of all
// messages of a stream, and one message can be published to several topics, so the id includes the
// topic.
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

// decode returns the message for a NATS message. It leaves unescaped headers of other publishers
// unchanged.
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
