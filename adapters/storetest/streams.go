package storetest

import (
	"bytes"
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/laws"
)

// streams generates the bytes of streams: well-formed and chaotic ones, with malformed and blank
// lines, torn tails, and incomplete last lines.
func streams() *rapid.Generator[[]byte] {
	return rapid.Custom(func(draw *rapid.T) []byte {
		var data []byte
		long := rapid.IntRange(0, 9).Draw(draw, "long id") == 9
		for _, entry := range laws.Streams().Draw(draw, "entries") {
			if long && entry.HasJob && entry.JobID == "a" {
				entry.JobID = longTexts[0]
			}
			data = appendLine(data, entry)
			if rapid.IntRange(0, 19).Draw(draw, "blank") == 19 {
				data = append(data, rapid.SampledFrom([]string{"\n", "\r\n", " \n"}).Draw(draw, "blank line")...)
			}
		}
		if rapid.IntRange(0, 3).Draw(draw, "no line feed") == 3 {
			data = bytes.TrimSuffix(data, []byte("\n"))
		}
		return data
	})
}

func appendLine(data []byte, entry domain.Entry) []byte {
	switch entry.Fault {
	case domain.Malformed:
		return append(data, "{\"at_ms\":malformed}\n"...)
	case domain.Torn:
		return append(data, `{"at_ms":12`...)
	}
	data, err := jsonl.Append(data, &entry.Event)
	if err != nil {
		panic(err) // generated events can be encoded
	}
	return data
}

// stream draws the bytes of a stream.
func (t *trial) stream(label string) []byte { return streams().Draw(t.draw, label) }

// prefixOf draws a prefix of a stream that is being written: it ends between two lines more often
// than inside one.
func (t *trial) prefixOf(data []byte) []byte {
	cut := t.upTo(len(data), "cut")
	if t.flip("at a line") {
		cut = wholeLines(data[:cut])
	}
	return data[:cut]
}

// otherThan draws a stream similar to data: its beginning, data with more at the end, data with a
// byte changed, or an empty one.
func (t *trial) otherThan(data []byte) []byte {
	switch pick(t, "other", "cut", "grown", "changed", "new") {
	case "cut":
		return t.prefixOf(data)
	case "grown":
		return slices.Concat(data, t.stream("more"))
	case "changed":
		if len(data) > 0 {
			changed := slices.Clone(data)
			at := t.upTo(len(data)-1, "at")
			changed[at] = pick(t, "byte", []byte("0 x\n\"}")...)
			return changed
		}
	}
	return t.stream("new")
}

// exampleStream returns the stream for a seed, the same at each call.
func exampleStream(seed int) []byte { return streams().Example(seed) }

// longStream returns a stream of that many jobs with twenty commands each, which is too long to be
// written at once. The last job stays open.
func longStream(jobs int) []byte {
	var data []byte
	emit := func(event domain.Event) { data = appendLine(data, domain.Entry{Event: event}) }
	for i := range jobs {
		id, at := fmt.Sprintf("job-%d", i), int64(i)*100
		emit(domain.NewJobStarted(at, id))
		for j := range 20 {
			emit(domain.NewShStarted(at+int64(j), id, fmt.Sprintf("echo %d", j)))
			emit(domain.NewShFinished(at+int64(j)+1, id, int32(i%3)))
		}
		if i < jobs-1 {
			emit(domain.NewJobFinished(at+30, id, domain.Complete))
		}
	}
	return data
}
