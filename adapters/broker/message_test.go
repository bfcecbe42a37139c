package broker_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/domain"
)

// A segment arrives as it was sent. Its metadata is valid in any header.
func TestMessageRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent := segments().Draw(t, "segment")
		msg := broker.Message(sent)
		for key, value := range msg.Metadata {
			if value == "" || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
				t.Fatalf("the value of %s is %+q", key, value)
			}
		}
		msg.Metadata.Set("somebody", "else's")
		got, err := broker.Segment(msg)
		require.NoError(t, err)
		require.True(t, bytes.Equal(got.Data, sent.Data), "sent %q, got %q", sent.Data, got.Data)
		if got.Run != sent.Run || got.Offset != sent.Offset || got.Tail != sent.Tail || got.SHA256 != sent.SHA256 {
			t.Fatalf("sent %+v, got %+v", sent, got)
		}
	})
}

// A message's UUID depends on the place in the stream and on the stream, not only on the run's id.
func TestUUIDNamesThePlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := segments().Draw(t, "a"), segments().Draw(t, "b")
		if rapid.Bool().Draw(t, "of one run") {
			b.Run = a.Run
		}
		if rapid.Bool().Draw(t, "at one place") {
			b.Offset = a.Offset
		}
		same := a.Run == b.Run && a.Offset == b.Offset && len(a.Data) == len(b.Data) && a.Tail == b.Tail && a.SHA256 == b.SHA256
		require.Equal(t, same, broker.Message(a).UUID == broker.Message(b).UUID, "one UUID")
		other := a
		other.SHA256 = sha256.Sum256(append([]byte("other"), a.SHA256[:]...))
		require.NotEqual(t, broker.Message(other).UUID, broker.Message(a).UUID, "another stream has the same UUID")
	})
}

// Stored messages must stay readable: the format must not change without a new version.
func TestMessageFormat(t *testing.T) {
	data := []byte("{}\n")
	msg := broker.Message(domain.Segment{Run: "é 1/2", Offset: 7, Data: data, SHA256: sha256.Sum256(data)})
	want := message.Metadata{
		"quire-segment": "1",
		"quire-run":     "%C3%A9%201%2F2",
		"quire-offset":  "7",
		"quire-length":  "3",
		"quire-sha256":  "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356",
	}
	assert.True(t, maps.Equal(msg.Metadata, want), "got %v\nwant %v", msg.Metadata, want)
	assert.Equal(t, "d2c1ea37-1198-577c-9fea-a30553a17eca", msg.UUID, "the UUID")
	if !bytes.Equal(msg.Payload, data) {
		t.Errorf("the payload is %q", msg.Payload)
	}
	tail := broker.Message(domain.Segment{Run: "r", Data: []byte("{"), Tail: true})
	want = message.Metadata{"quire-segment": "1", "quire-run": "r", "quire-offset": "0", "quire-length": "1", "quire-tail": "1"}
	assert.True(t, maps.Equal(tail.Metadata, want), "got %v\nwant %v", tail.Metadata, want)
}

// rubbish are messages that are no segments, by their fault.
func rubbish() map[string]*message.Message {
	all := map[string]*message.Message{
		"from elsewhere": message.NewMessage("1", []byte("hello")),
		"no metadata":    {UUID: "2", Payload: []byte("{}\n")},
		"nothing":        {},
	}
	data := []byte("{}\n")
	whole := domain.Segment{Run: "r", Offset: 7, Data: data, SHA256: sha256.Sum256(data)}
	broken := func(what string, breakIt func(*message.Message)) {
		msg := broker.Message(whole)
		breakIt(msg)
		all[what] = msg
	}
	for what, pair := range map[string][2]string{
		"a newer version": {"quire-segment", "2"},
		"a bad escape":    {"quire-run", "%zz"}, "another spelling": {"quire-run", "%72"}, "a space": {"quire-run", "a b"},
		"no run": {"quire-run", ""}, "a run that is not UTF-8": {"quire-run", "%FF"}, "a long run": {"quire-run", strings.Repeat("r", 513)},
		"a negative offset": {"quire-offset", "-1"}, "an offset with a sign": {"quire-offset", "+7"}, "a long offset": {"quire-offset", "07"},
		"an offset beyond": {"quire-offset", "9223372036854775807"}, "no offset": {"quire-offset", ""},
		"another length": {"quire-length", "2"}, "no length": {"quire-length", "x"},
		"a tail with a line": {"quire-tail", "1"}, "an odd tail": {"quire-tail", "true"},
		"a short digest": {"quire-sha256", "ca3d"}, "a long digest": {"quire-sha256", strings.Repeat("ab", 33)}, "a digest of capitals": {"quire-sha256", strings.Repeat("AB", 32)},
		"a digest of zeros": {"quire-sha256", strings.Repeat("00", 32)}, "no digest": {"quire-sha256", strings.Repeat("xy", 32)},
	} {
		broken(what, func(msg *message.Message) { msg.Metadata.Set(pair[0], pair[1]) })
	}
	broken("a payload cut short", func(msg *message.Message) { msg.Payload = msg.Payload[:2] })
	broken("half a line", func(msg *message.Message) {
		msg.Payload = msg.Payload[:2]
		msg.Metadata.Set("quire-length", "2")
	})
	broken("an empty one in the middle", func(msg *message.Message) {
		msg.Payload = nil
		msg.Metadata.Set("quire-offset", "1")
		msg.Metadata.Set("quire-length", "0")
	})
	broken("an empty one of another stream", func(msg *message.Message) {
		msg.Payload = nil
		msg.Metadata.Set("quire-offset", "0")
		msg.Metadata.Set("quire-length", "0")
	})
	broken("an empty tail", func(msg *message.Message) {
		msg.Payload = nil
		msg.Metadata.Set("quire-length", "0")
		msg.Metadata.Set("quire-tail", "1")
	})
	return all
}

func TestRubbishIsNoSegment(t *testing.T) {
	for what, msg := range rubbish() {
		segment, err := broker.Segment(msg)
		var not *broker.NotSegmentError
		if !errors.As(err, &not) || not.Reason == "" || not.UUID != msg.UUID {
			t.Errorf("%s: got %+v, %v", what, segment, err)
		}
	}
}

// The error can be put into a header and into a log.
func TestNotSegmentErrorIsPrintable(t *testing.T) {
	msg := message.NewMessage("\x1b[31m\n", nil)
	msg.Metadata.Set("quire-segment", "\x1b\n")
	_, err := broker.Segment(msg)
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\n") {
		t.Errorf("%+q", err)
	}
}

// Any message is either a segment or an error, and a segment encodes to the same message.
func FuzzSegment(f *testing.F) {
	add := func(msg *message.Message) {
		digest, known := msg.Metadata["quire-sha256"]
		_, tail := msg.Metadata["quire-tail"]
		f.Add([]byte(msg.Payload), msg.Metadata.Get("quire-segment"), msg.Metadata.Get("quire-run"), msg.Metadata.Get("quire-offset"),
			msg.Metadata.Get("quire-length"), tail, known, digest)
	}
	for _, msg := range rubbish() {
		add(msg)
	}
	add(broker.Message(domain.Segment{Run: "a/ç", Offset: math.MaxInt64 - 3, Data: []byte("{}\n"), SHA256: sha256.Sum256(nil)}))
	add(broker.Message(domain.Segment{Run: "r", Data: []byte(`{"at_ms"`), Tail: true}))
	f.Fuzz(func(t *testing.T, payload []byte, version, run, offset, length string, tail, known bool, digest string) {
		msg := message.NewMessage("uuid", payload)
		for key, value := range map[string]string{"quire-segment": version, "quire-run": run, "quire-offset": offset, "quire-length": length} {
			msg.Metadata.Set(key, value)
		}
		if tail {
			msg.Metadata.Set("quire-tail", "1")
		}
		if known {
			msg.Metadata.Set("quire-sha256", digest)
		}
		segment, err := broker.Segment(msg)
		if err != nil {
			var not *broker.NotSegmentError
			require.ErrorAs(t, err, &not)
			return
		}
		require.GreaterOrEqual(t, segment.End(), segment.Offset, "it ends")
		again := broker.Message(segment)
		if !maps.Equal(again.Metadata, msg.Metadata) || !bytes.Equal(again.Payload, payload) {
			t.Fatalf("got %v, sent %v", msg.Metadata, again.Metadata)
		}
	})
}

// Publishers of all versions must agree: these numbers never change.
func TestPartitionNeverChanges(t *testing.T) {
	for run, want := range map[domain.RunID][3]int{
		"":        {1, 5, 37},
		"run":     {2, 10, 210},
		"nightly": {2, 10, 258},
		"run-1":   {0, 12, 76},
		"run-2":   {1, 5, 709},
		"a/b/ç":   {0, 4, 820},
		"🙂":       {3, 11, 947},
		"\xff":    {2, 14, 646},
	} {
		got := [3]int{broker.Partition(run, 4), broker.Partition(run, 16), broker.Partition(run, 1000)}
		if got != want {
			t.Errorf("%q: {%d, %d, %d}, want %v", run, got[0], got[1], got[2], want)
		}
	}
}

// The test implements the hash again, like the author of another publisher would.
func TestPartitionIsFNV1a(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		run := rapid.String().Draw(t, "run")
		partitions := rapid.IntRange(-1, 100).Draw(t, "partitions")
		hash := uint64(14695981039346656037)
		for _, b := range []byte(run) {
			hash = (hash ^ uint64(b)) * 1099511628211
		}
		want := int(hash % uint64(max(partitions, 1)))
		require.Equal(t, want, broker.Partition(domain.RunID(run), partitions))
	})
}

func TestPartitionsAreUsedAlike(t *testing.T) {
	const runs, partitions = 10_000, 8
	var counts [partitions]int
	for i := range runs {
		counts[broker.Partition(domain.RunID(fmt.Sprintf("nightly-%d", i)), partitions)]++
	}
	for partition, n := range counts {
		if n < runs/partitions*8/10 || n > runs/partitions*12/10 {
			t.Errorf("partition %d has %d of %d runs", partition, n, runs)
		}
	}
}

func TestFixedTopics(t *testing.T) {
	topics := broker.FixedTopics("quire", 3)
	if topics.Partitions() != 3 || topics.Topic(2) != "quire.2" {
		t.Error(topics.Partitions(), topics.Topic(2))
	}
}
