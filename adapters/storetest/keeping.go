package storetest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// keepLaws are for stores that keep streams.
var keepLaws = []law{
	property("kept streams are read as written, from any byte on", keptFromAnyByte),
	thorough("a long stream in short parts is kept", keptInParts),
	property("several long streams in one transaction are kept", keptAtOnce),
	property("streams are listed and discarded with their runs", keptAndDiscarded),
}

// keptFromAnyByte keeps bytes that are not streams of events.
func keptFromAnyByte(t *trial) {
	if !t.keeps {
		return
	}
	runs := []domain.RunID{t.run("a"), t.run("b")}
	streams := map[domain.RunID][]byte{}
	for range 1 + t.upTo(8, "transactions") {
		must(t.update(runs, func(tx store.Tx) {
			for _, run := range runs {
				if t.flip("changes") {
					streams[run] = t.keepSome(tx, run, streams[run])
				}
			}
		}))
		for run, stream := range streams {
			must(t.isKept(run, stream))
		}
	}
}

// keepSome replaces the end of a stream, in several parts.
func (t *trial) keepSome(tx store.Tx, run domain.RunID, stream []byte) []byte {
	at := len(stream)
	if t.flip("instead") {
		at = t.upTo(len(stream), "at")
	}
	stream = slices.Clone(stream[:at])
	for range 1 + t.upTo(2, "parts") {
		part := bytes.Repeat([]byte(rapid.StringN(0, 10, -1).Draw(t.draw, "part")), pick(t, "times", 1, 1, 1, 5, 1000, 200_000))
		must(tx.Keep(run, int64(len(stream)), part))
		stream = append(stream, part...)
	}
	must(tx.SetCheckpoint(run, keptUntil(stream)))
	return stream
}

func keptUntil(stream []byte) store.Checkpoint {
	return store.Checkpoint{End: domain.Mark{Bytes: int64(len(stream)), SHA256: sha256.Sum256(stream)}, Kept: true}
}

func (t *trial) isKept(run domain.RunID, stream []byte) error {
	c := nothing(run)
	c.checkpoint = some(value(t.store.Checkpoints(t.ctx, t.runs))[run])
	kept := value(t.store.Kept(t.ctx, t.runs))[run]
	got, err := t.keptStream(c)
	switch {
	case err != nil:
		return err
	case !c.checkpoint.V.Kept || kept.Mark != c.checkpoint.V.End || kept.At.IsZero():
		return fmt.Errorf("the checkpoint is %s, and what is kept %s", show(c.checkpoint.V), show(kept))
	case !bytes.Equal(got, stream):
		return fmt.Errorf("the kept stream of %d bytes is another one, of %d", len(stream), len(got))
	}
	return nil
}

// keptInParts keeps a long stream in incompressible parts, one per transaction.
func keptInParts(t *trial) {
	if !t.keeps {
		return
	}
	run, random := t.run("a"), rand.New(rand.NewPCG(1, 2))
	var stream []byte
	for range 400 {
		part := make([]byte, random.IntN(10_000))
		for i := range part {
			part[i] = byte(random.Uint32())
		}
		must(t.update([]domain.RunID{run}, func(tx store.Tx) {
			must(tx.Keep(run, int64(len(stream)), part))
			stream = append(stream, part...)
			must(tx.SetCheckpoint(run, keptUntil(stream)))
		}))
	}
	must(t.isKept(run, stream))
}

// keptAtOnce keeps two streams in incompressible parts, all in one transaction. One of them is
// discarded meanwhile, and starts again. All parts differ, and the caller reuses the memory of a
// part.
func keptAtOnce(t *trial) {
	if !t.keeps {
		return
	}
	runs := []domain.RunID{t.run("a"), t.run("b")}
	streams := map[domain.RunID][]byte{}
	const parts = 30
	discard, most := pick(t, "discard", 0, 5, 10, 20, parts), pick(t, "most", 1000, 1_000_000)
	random, memory := rand.NewChaCha8([32]byte{byte(t.upTo(255, "seed"))}), make([]byte, most)
	must(t.update(runs, func(tx store.Tx) {
		for i := range parts {
			run, part := runs[i%2], memory[:random.Uint64()%uint64(most)]
			if i == discard {
				must(tx.Discard([]domain.RunID{run}))
				streams[run] = nil
			}
			_, _ = random.Read(part) // never fails
			must(tx.Keep(run, int64(len(streams[run])), part))
			streams[run] = append(streams[run], part...)
		}
		for _, run := range runs {
			must(tx.SetCheckpoint(run, keptUntil(streams[run])))
		}
	}))
	for _, run := range runs {
		must(t.isKept(run, streams[run]))
	}
}

// keptAndDiscarded clears the rows of two runs, and also discards the stream of one.
func keptAndDiscarded(t *trial) {
	if !t.keeps {
		return
	}
	all := recordings{record(t.run("a"), t.stream("a")), record(t.run("b"), t.stream("b"))}
	for _, r := range all {
		t.ingest(r, nil)
	}
	a, b := all[0].run, all[1].run
	discarded := t.flip("discarded")
	must(t.update([]domain.RunID{a}, func(tx store.Tx) {
		must(tx.Clear([]domain.RunID{a}, t.of))
		if discarded {
			must(tx.Discard([]domain.RunID{a}))
		}
	}))
	kept := value(t.store.Kept(t.ctx, t.runs))
	_, there := kept[a]
	failIf(there == discarded, "whether the stream is kept: %t", there)
	ids := value(t.store.RunIDs(t.ctx, domain.RunID(t.prefix), 2))
	failIf(slices.Contains(ids, a) == discarded || !slices.Contains(ids, b), "the runs are %v", ids)
	piece := value(t.store.Piece(t.ctx, a, 0))
	failIf(bytes.HasPrefix(all[0].bytes(), piece) && len(piece) > 0 && discarded, "a piece is there: %q", piece)
	must(t.agree(all[1]))
	t.ingest(all[0], nil)
	must(t.agree(all...))
}
