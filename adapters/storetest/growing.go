package storetest

import (
	"bytes"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

var growLaws = []law{
	property("the same stream again changes nothing", sameAgain),
	property("a stream is found to be the same when it is read", sameWhenRead),
	thorough("a long stream is found to be the same when it is read", longSameWhenRead),
	property("a stream that has grown is read on", readOn),
	property("rows that have not changed are not written again", unchangedStay),
	example("a stream is read on from the end of any line", readOnFromLines),
	thorough("a stream is read on from any byte", readOnFromBytes),
	property("a last line without a line feed may go on otherwise", lineGoesOn),
	property("a stream that is another gives the rows of that", anotherStream),
	thorough("a long stream is written in batches", longStreams),
}

// sameAgain counts the transactions: there are none.
func sameAgain(t *trial) {
	r := record(t.run("a"), t.stream("stream"))
	t.ingest(r, nil)
	counting := &faulty{Store: t.store}
	result := value(store.Ingest(t.ctx, counting, r, store.Options{}))
	failIf(result.Outcome != store.Unchanged || counting.updates.Load() > 0, "store.Ingest says %q, with %d transactions", result.Outcome, counting.updates.Load())
	must(t.agree(r))
}

func sameWhenRead(t *trial) { t.foundSame(t.stream("stream")) }

// longSameWhenRead finds out when rows have been written already: with a last
// line that has no line feed, all of them are derived.
func longSameWhenRead(t *trial) {
	t.foundSame(bytes.TrimSuffix(longStream(150), []byte("\n")))
}

func (t *trial) foundSame(stream []byte) {
	r := record(t.run("a"), stream)
	t.ingest(r, nil)
	r.vague = true
	t.ingest(r, append([]byte{}, stream...))
}

// unchangedStay counts the rows that are written when a stream has grown by whole
// lines.
func unchangedStay(t *trial) {
	stream := t.stream("stream")
	cut := t.prefixOf(stream)
	r := record(t.run("a"), cut[:wholeLines(cut)])
	t.ingest(r, nil)
	before := r.derived()
	lines := bytes.Count(stream, []byte("\n")) - bytes.Count(r.bytes(), []byte("\n"))
	r.is(stream)
	all := r.derived()
	result := value(store.Ingest(t.ctx, t.store, r, store.Options{}))
	// An event need not change the rows of what it names, and all rows are written again of
	// a projection that does not go by jobs or commands.
	least, most := 0, 0
	for _, of := range t.of {
		changed := rowsWhere(of, all.of(of), func(row anyRow) bool {
			return row.Index >= before.of(of).Len() || !sameRow(of, row, before.of(of).At(row.Index))
		}).Len()
		least += changed
		switch {
		case of == retries.Definition:
			most += all.of(of).Len()
		case of.Single:
			most++
		default:
			most += changed + lines + 1
		}
	}
	failIf(result.Outcome != store.Unchanged && (result.Rows < least || result.Rows > most), "%d rows were written, where %d are new or have changed, and %d may have, in %d lines", result.Rows, least, most, lines)
	must(t.agree(r))
}

func readOn(t *trial) {
	stream := t.stream("stream")
	versions := [][]byte{stream}
	for range t.upTo(3, "cuts") {
		versions = append(versions, t.prefixOf(stream))
	}
	slices.SortFunc(versions, func(a, b []byte) int { return len(a) - len(b) })
	t.ingestAll(versions...)
}

func readOnFromLines(t *trial) {
	for seed := range 5 {
		stream := exampleStream(seed)
		var versions [][]byte
		for end := range stream {
			if stream[end] == '\n' {
				versions = append(versions, stream[:end+1])
			}
		}
		t.ingestAll(append(versions, stream)...)
		must(t.remove(t.runs...))
	}
}

func readOnFromBytes(t *trial) {
	var stream []byte
	for _, event := range []domain.Event{
		domain.NewJobStarted(1, "a"), domain.NewShStarted(2, "a", "é"), domain.NewShFinished(3, "a", 10), domain.NewJobFinished(4, "a", domain.Failed),
	} {
		stream = appendLine(stream, domain.Entry{Event: event})
	}
	var versions [][]byte
	for end := range len(stream) + 1 {
		versions = append(versions, stream[:end])
	}
	t.ingestAll(versions...)
}

// lineGoesOn has a last line that is an event already, though no line feed
// ends it, and may become another one, or none.
func lineGoesOn(t *trial) {
	before := bytes.TrimSuffix(t.stream("stream"), []byte("\n"))
	more := pick(t, "more", "\n", " \n", "\r\n", "0", "x", "x\n", `{"at_ms":1}`, "\n\n")
	versions := [][]byte{before, slices.Concat(before, []byte(more))}
	if t.flip("instead") {
		versions[1] = append(slices.Clone(before[:wholeLines(before)]), more...)
	}
	last := versions[1]
	t.ingestAll(append(versions, slices.Concat(last, t.stream("and more")))...)
}

func anotherStream(t *trial) {
	versions := [][]byte{t.stream("stream")}
	for range 1 + t.upTo(2, "others") {
		versions = append(versions, t.otherThan(versions[len(versions)-1]))
	}
	t.ingestAll(versions...)
}

func longStreams(t *trial) {
	stream := longStream(200)
	changed := slices.Clone(stream)
	changed[bytes.IndexByte(changed, '0')] = '7'
	t.ingestAll(stream[:wholeLines(stream[:len(stream)/2])], stream, stream[:len(stream)-10], changed)
}
