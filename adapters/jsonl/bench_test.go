package jsonl_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
)

// sampleEvents is how many events the benchmarks go through in one turn: some
// 2 MB of lines, so that neither caches nor the reader's buffer hide much.
const sampleEvents = 20_000

// sample makes the events of jobs with some three commands each. Commands have
// 10 to 120 bytes; half of them hold what the wire has to escape.
func sample() []domain.Event {
	rnd := rand.New(rand.NewPCG(1, 2))
	at := int64(1795444880217)
	var events []domain.Event
	emit := func(event domain.Event) {
		events = append(events, event)
		at += rnd.Int64N(400)
	}
	for job := 0; len(events) < sampleEvents; job++ {
		id := fmt.Sprintf("job-%d", job)
		emit(domain.NewJobStarted(at, id))
		for range 2 + rnd.IntN(3) {
			emit(domain.NewShStarted(at, id, sampleCommand(rnd)))
			emit(domain.NewShFinished(at, id, rnd.Int32N(50)/49))
		}
		emit(domain.NewJobFinished(at, id, domain.Complete))
	}
	return events[:sampleEvents]
}

func sampleCommand(rnd *rand.Rand) string {
	const plain, escaped = "abcdefghijklmnopqrstuvwxyz0123456789 -./=_", "\"\\\n\t"
	cmd := make([]byte, 10+rnd.IntN(111))
	for i := range cmd {
		cmd[i] = plain[rnd.IntN(len(plain))]
	}
	if rnd.IntN(2) == 0 {
		for range 1 + rnd.IntN(4) {
			cmd[rnd.IntN(len(cmd))] = escaped[rnd.IntN(len(escaped))]
		}
	}
	return string(cmd)
}

// canonicalLines writes events as the wire has them.
func canonicalLines(tb testing.TB, events []domain.Event) []byte {
	var lines []byte
	for i := range events {
		var err error
		if lines, err = jsonl.Append(lines, &events[i]); err != nil {
			tb.Fatal(err)
		}
	}
	return lines
}

// looseLines writes the same with the members shuffled and spaces between.
func looseLines(tb testing.TB, events []domain.Event) []byte {
	rnd := rand.New(rand.NewPCG(3, 4))
	var lines []byte
	for i := range events {
		members := strings.SplitAfterN(string(canonicalLines(tb, events[i:i+1])), ",", 4)
		last := len(members) - 1
		members[0], members[last] = members[0][1:], strings.TrimSuffix(members[last], "}\n")
		for j, member := range members {
			key, value, _ := strings.Cut(strings.TrimSuffix(member, ","), ":")
			members[j] = key + ": " + value
		}
		rnd.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		lines = append(lines, "{"+strings.Join(members, ", ")+"}\n"...)
	}
	return lines
}

// generalLines writes the same with a clock that no fast decoder takes.
func generalLines(tb testing.TB, events []domain.Event) []byte {
	return bytes.ReplaceAll(canonicalLines(tb, events), []byte(`{"at_ms":`), []byte(`{"at_ms":179544`))
}

// furtherLines writes the same with an unknown nested member at the end or at the
// beginning.
func furtherLines(tb testing.TB, events []domain.Event, first bool) []byte {
	lines := canonicalLines(tb, events)
	if first {
		return bytes.ReplaceAll(lines, []byte(`{"at_ms"`), []byte(`{"span":{"trace":"abc"},"at_ms"`))
	}
	return bytes.ReplaceAll(lines, []byte("}\n"), []byte(`,"span":{"trace":"abc"}}`+"\n"))
}

// unknownLines writes as many lines of unknown types, nested or not.
func unknownLines(tb testing.TB, events []domain.Event, nested bool) []byte {
	lines := furtherLines(tb, events, false)
	if !nested {
		lines = canonicalLines(tb, events)
	}
	return bytes.ReplaceAll(bytes.ReplaceAll(lines, []byte(`"type":"job_`), []byte(`"type":"step_`)), []byte(`"type":"sh_`), []byte(`"type":"cmd_`))
}

// read reads all of lines and returns how many events they hold.
func read(tb testing.TB, lines []byte) int {
	reader := jsonl.NewReader(bytes.NewReader(lines), jsonl.Options{})
	events := 0
	for {
		batch, err := reader.Next()
		if err == io.EOF {
			return events
		}
		require.NoError(tb, err)
		events += len(batch)
	}
}

// unmarshal does the same with encoding/json in the simplest way: a yardstick that
// checks less.
func unmarshal(tb testing.TB, lines []byte) int {
	events := 0
	for line := range bytes.Lines(lines) {
		var event wireEvent
		require.NoError(tb, json.Unmarshal(line, &event))
		events++
	}
	return events
}

type wireEvent struct {
	AtMs     int64  `json:"at_ms"`
	Type     string `json:"type"`
	JobID    string `json:"job_id"`
	Cmd      string `json:"cmd,omitempty"`
	ExitCode *int32 `json:"exit_code,omitempty"`
	Outcome  string `json:"outcome,omitempty"`
}

func BenchmarkDecode(b *testing.B) {
	events := sample()
	for _, bench := range []struct {
		name   string
		lines  []byte
		decode func(testing.TB, []byte) int
	}{
		{"canonical", canonicalLines(b, events), read},
		{"loose", looseLines(b, events), read},
		{"further-last", furtherLines(b, events, false), read},
		{"further-first", furtherLines(b, events, true), read},
		{"unknown", unknownLines(b, events, false), read},
		{"unknown-nested", unknownLines(b, events, true), read},
		{"general", generalLines(b, events), read},
		{"encoding-json", canonicalLines(b, events), unmarshal},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(bench.lines)))
			perEvent(b, func() {
				if n := bench.decode(b, bench.lines); n != sampleEvents {
					b.Fatalf("%d events, want %d", n, sampleEvents)
				}
			})
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	events := sample()
	lines := canonicalLines(b, events)
	b.Run("Append", func(b *testing.B) {
		b.SetBytes(int64(len(lines)))
		perEvent(b, func() {
			lines = lines[:0]
			for i := range events {
				lines, _ = jsonl.Append(lines, &events[i])
			}
		})
	})
	values := make([]wireEvent, 0, len(events))
	for line := range bytes.Lines(lines) {
		var value wireEvent
		if err := json.Unmarshal(line, &value); err != nil {
			b.Fatal(err)
		}
		values = append(values, value)
	}
	b.Run("encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(lines)))
		perEvent(b, func() {
			for i := range values {
				if _, err := json.Marshal(&values[i]); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

// BenchmarkEmit compares a sink with the bare writes of the same lines.
func BenchmarkEmit(b *testing.B) {
	events := sample()
	open := func(b *testing.B) *os.File {
		file, err := os.Create(filepath.Join(b.TempDir(), "events.jsonl"))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { file.Close() })
		return file
	}
	b.Run("Emit", func(b *testing.B) {
		sink := jsonl.NewWriter(open(b))
		for i := 0; b.Loop(); i++ {
			if err := sink.Emit(events[i%len(events)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("write", func(b *testing.B) {
		file := open(b)
		var lines [][]byte
		for line := range bytes.Lines(canonicalLines(b, events)) {
			lines = append(lines, line)
		}
		for i := 0; b.Loop(); i++ {
			if _, err := file.Write(lines[i%len(lines)]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// perEvent repeats one turn of the sample's events and reports the cost of an event.
func perEvent(b *testing.B, turn func()) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	turns := 0
	for b.Loop() {
		turn()
		turns++
	}
	runtime.ReadMemStats(&after)
	total := float64(turns * sampleEvents)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/total, "ns/event")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/total, "allocs/event")
}

// Strings share chunks and entries share batches, so that no event needs an
// allocation of its own.
func TestDecodeAllocatesNothingPerEvent(t *testing.T) {
	for name, lines := range map[string][]byte{
		"canonical": canonicalLines(t, sample()),
		"loose":     looseLines(t, sample()),
		"further":   furtherLines(t, sample(), true),
		"unknown":   unknownLines(t, sample(), true),
	} {
		allocs := testing.AllocsPerRun(1, func() { read(t, lines) })
		if allocs > sampleEvents/100 {
			t.Errorf("%s: %v allocations for %d events", name, allocs, sampleEvents)
		}
	}
}
