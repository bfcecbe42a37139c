package laws

import (
	"math"
	"strconv"
	"strings"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
)

// Chaotic generates sequences of any events in any order. Each sequence has its own clock and its
// own jobs, usually few, so that its events concern the same jobs; one in two is long.
func Chaotic() *rapid.Generator[[]domain.Event] {
	return rapid.Custom(func(t *rapid.T) []domain.Event {
		few := rapid.SliceOfN(JobID(), 1, 4)
		jobs := rapid.OneOf(few, few, rapid.Just(crowd)).Draw(t, "jobs")
		clock := rapid.SampledFrom([]string{"rising", "coarse", "real", "vast", "wild"}).Draw(t, "clock")
		kinds := rapid.SampledFrom([][]domain.Kind{anyKind, anyKind, anyKind, shKinds}).Draw(t, "kinds")
		event := eventOf(kinds, rapid.SampledFrom(jobs), clocks[clock])
		events := rapid.OneOf(rapid.SliceOfN(event, 0, 20), rapid.SliceOfN(event, 20, 60)).Draw(t, "events")
		if clock == "rising" {
			add(events)
		}
		return events
	})
}

// Long generates sequences in which one or two kinds of events occur 80 times: in the same job,
// with more commands than a small table holds, or each time in a new job.
func Long() *rapid.Generator[[]domain.Event] {
	return rapid.Custom(func(t *rapid.T) []domain.Event {
		clock := rapid.Int64Range(-1, 10)
		jobs := rapid.SampledFrom([][]string{{"a"}, {"a"}, {"a"}, {"a", "b"}}).Draw(t, "jobs")
		var again []domain.Event
		for _, kind := range rapid.OneOf(rapid.SampledFrom(often), rapid.SliceOfN(rapid.SampledFrom(anyKind), 1, 2)).Draw(t, "kinds") {
			again = append(again, eventOf([]domain.Kind{kind}, rapid.SampledFrom(jobs), clock).Draw(t, "again and again"))
		}
		others := rapid.IntRange(0, 3).Draw(t, "in other jobs") == 3
		var events []domain.Event
		for i := range 80 {
			for _, event := range again {
				if others && event.HasJob {
					event.JobID += strconv.Itoa(i)
				}
				events = append(events, event)
			}
		}
		if rapid.IntRange(0, 3).Draw(t, "ended") > 0 {
			events = append(events, domain.NewJobFinished(clock.Draw(t, "at_ms"), "a", Outcome().Draw(t, "outcome")))
		}
		add(events)
		return events
	})
}

// often are kinds that occur 80 times in a long sequence.
var often = [][]domain.Kind{{domain.ShStarted}, {domain.ShStarted, domain.ShStarted}, {domain.ShStarted, domain.ShFinished}, {domain.ShStarted, domain.ShFinished}}

// crowd is more jobs than a small table holds.
var crowd = strings.Fields("a b c d e f g h i j k l m n o p q r s t u v w x y z")

// clocks generate the times of the events of a chaotic sequence.
var clocks = map[string]*rapid.Generator[int64]{
	"rising": rapid.Int64Range(-1, 10), // time since the previous event
	"coarse": rapid.Int64Range(0, 10),  // so that some durations are equal
	"real":   rapid.Int64Range(1795444880000, 1795444890000),
	"vast":   rapid.SampledFrom([]int64{0, 1, math.MaxInt64, math.MaxInt64 - 1, 1 << 62, -1}), // so that sums overflow
	"wild":   AtMs(),
}

// add turns the times of events, each relative to the previous one, into times of a clock.
func add(events []domain.Event) {
	var now int64
	for i := range events {
		now += events[i].AtMs
		events[i].AtMs = now
	}
}

// Events generates sequences of events, well-formed and chaotic ones.
func Events() *rapid.Generator[[]domain.Event] {
	return rapid.OneOf(WellFormed(), Chaotic())
}

// Entries places events in a stream, one per line. An event without a kind is a malformed line. The
// offsets of all lines differ, and are not those that an encoder would give.
func Entries(events []domain.Event) []domain.Entry {
	entries := make([]domain.Entry, len(events))
	for i, event := range events {
		entries[i] = domain.Entry{Event: event, Position: positionOf(i)}
		if event.Kind == domain.NoEvent {
			entries[i].Fault = domain.Malformed
		}
	}
	return entries
}

func positionOf(i int) domain.Position {
	return domain.Position{Line: int64(i) + 1, Offset: int64(i) * 100}
}

// Streams generates the entries of streams, made of [Events], as a reader that skips malformed
// lines returns them.
func Streams() *rapid.Generator[[]domain.Entry] { return StreamsOf(Events()) }

// StreamsOf makes streams from generated events: with malformed lines among them, and possibly a
// torn tail.
func StreamsOf(events *rapid.Generator[[]domain.Event]) *rapid.Generator[[]domain.Entry] {
	return rapid.Custom(func(t *rapid.T) []domain.Entry {
		entries := Entries(events.Draw(t, "events"))
		for i := range entries {
			if rapid.IntRange(0, 19).Draw(t, "malformed") == 19 {
				entries[i] = domain.Entry{Position: entries[i].Position, Fault: domain.Malformed}
			}
		}
		if n := len(entries); n > 0 && rapid.IntRange(0, 3).Draw(t, "torn") == 3 {
			entries[n-1] = domain.Entry{Position: entries[n-1].Position, Fault: domain.Torn}
		}
		return entries
	})
}
