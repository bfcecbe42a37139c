package jsonl

import (
	"bytes"

	"github.com/quire-ci/quire-project/domain"
)

// The decoders, for tests.

// DecodeGeneral decodes a line, without its line feed, with the general
// decoder. column is 0 and reason empty where it holds an event.
func DecodeGeneral(line []byte) (event domain.Event, column int, reason string) {
	event, fault := decodeGeneral(line)
	if fault != nil {
		return domain.Event{}, fault.at + 1, fault.reason
	}
	return event, 0, ""
}

// ChunkSize is how much memory strings share.
const ChunkSize = chunkSize

// Fast is a decoder that takes some lines and refuses the others.
type Fast func(line []byte, slackByte byte) (event domain.Event, ok bool)

// The fast decoders. They remember what was on the lines before, so each of
// these is good for the lines of one stream.
func NewCanonical() Fast { var t text; return fast(t.canonical) }
func NewLoose() Fast     { var t text; return fast(t.loose) }

// fast calls decode with a buffer that ends where the decoder must stop. A step
// beyond panics, or the race detector's pointer checks find it.
func fast(decode func(b []byte, i int, event *domain.Event) int) Fast {
	return func(line []byte, slackByte byte) (domain.Event, bool) {
		b := make([]byte, 0, len(line)+1+slack)
		b = append(append(b, line...), '\n')
		b = append(b, bytes.Repeat([]byte{slackByte}, slack)...)
		// The event of the batch before must not show through.
		event := domain.Event{AtMs: 7, JobID: "j", Cmd: "c", Type: "t", Extra: "e", ExitCode: 7, Kind: domain.Unknown, Outcome: domain.Failed, HasJob: true}
		next := decode(b, 0, &event)
		if next < 0 {
			return domain.Event{}, false
		}
		if next != len(line)+1 {
			panic("a line was taken, but not to its end")
		}
		return event, true
	}
}
