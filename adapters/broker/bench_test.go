package broker_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/quire-ci/quire-project/adapters/broker"
)

// nowhere is a broker that takes everything.
var nowhere = publisherFunc(func(string, ...*message.Message) error { return nil })

// Compare the cost of cutting with that of sha256, which it includes.
func BenchmarkCut(b *testing.B) {
	stream := longStream(b, 32<<20)
	b.Run("sha256", func(b *testing.B) {
		b.SetBytes(int64(len(stream)))
		for b.Loop() {
			sha256.Sum256(stream)
		}
	})
	b.Run("segments", func(b *testing.B) {
		b.SetBytes(int64(len(stream)))
		b.ReportAllocs()
		for b.Loop() {
			for _, err := range broker.Cut(bytes.NewReader(stream), "nightly-42", 0) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("messages", func(b *testing.B) {
		b.SetBytes(int64(len(stream)))
		b.ReportAllocs()
		for b.Loop() {
			for segment := range broker.Cut(bytes.NewReader(stream), "nightly-42", 0) {
				broker.Message(segment)
			}
		}
	})
	b.Run("published", func(b *testing.B) {
		p := broker.NewPublisher(nowhere, broker.FixedTopics("q", 8), broker.PublishOptions{})
		b.SetBytes(int64(len(stream)))
		for b.Loop() {
			if _, err := p.PublishStream(b.Context(), "nightly-42", bytes.NewReader(stream)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A short stream is one message, and should not cost more than that.
func BenchmarkPublishShortStream(b *testing.B) {
	stream := longStream(b, 2000)
	p := broker.NewPublisher(nowhere, broker.FixedTopics("q", 8), broker.PublishOptions{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.PublishStream(b.Context(), "nightly-42", bytes.NewReader(stream)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMessage(b *testing.B) {
	for segment := range broker.Cut(bytes.NewReader(longStream(b, 500)), "nightly-42", 0) {
		b.Run("make", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				broker.Message(segment)
			}
		})
		msg := broker.Message(segment)
		b.Run("read", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := broker.Segment(msg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
