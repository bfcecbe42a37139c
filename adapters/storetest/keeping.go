package storetest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// keepLaws are for stores that keep streams.
var keepLaws = []law{
	property("kept streams are read as written, from any byte on", keptFromAnyByte),
	thorough("a long stream in short parts is kept", keptInParts),
	property("streams are listed and discarded with their runs", keptAndDiscarded),
}

// keptFromAnyByte keeps two streams of bytes, in transactions with several parts, which may replace the
// end of a stream, or begin one that is discarded again.
func keptFromAnyByte(t *trial) {
	if !t.keeps {
		return
	}
	runs, streams := []domain.RunID{t.run("a"), t.run("b")}, map[domain.RunID][]byte{}
	random, memory := rand.NewChaCha8([32]byte{byte(t.upTo(255, "seed"))}), make([]byte, 1_000_000)
	for range 1 + t.upTo(5, "transactions") {
		must(t.update(runs, func(tx store.Tx) {
			written := map[domain.RunID]bool{}
			for range pick(t, "parts", 1, 1, 2, 3, 30) {
				run := pick(t, "run", runs...)
				switch change := pick(t, "change", "more", "more", "more", "instead", "discard"); {
				case change == "instead" && !written[run]: // nobody goes back twice
					streams[run] = slices.Clone(streams[run][:t.upTo(len(streams[run]), "at")])
				case change == "discard":
					must(tx.Discard([]domain.RunID{run}))
					streams[run] = nil
				}
				written[run] = true
				part := memory[:random.Uint64()%pick(t, "most", uint64(10), 10, 1000, 1_000_000)]
				if _, _ = random.Read(part); t.flip("compressible") { // it never fails
					clear(part)
				}
				streams[run] = keepPart(tx, run, streams[run], part)
				clear(memory) // it belongs to the caller again
			}
			for run, stream := range streams {
				must(tx.SetCheckpoint(run, keptUntil(stream)))
			}
		}))
		for run, stream := range streams {
			must(t.isKept(run, stream))
		}
	}
}

func keepPart(tx store.Tx, run domain.RunID, stream, part []byte) []byte {
	must(tx.Keep(run, int64(len(stream)), part))
	return append(stream, part...)
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
	run, random, memory := t.run("a"), rand.NewChaCha8([32]byte{}), make([]byte, 10_000)
	var stream []byte
	for range 400 {
		must(t.update([]domain.RunID{run}, func(tx store.Tx) {
			part := memory[:random.Uint64()%uint64(len(memory))]
			_, _ = random.Read(part) // it never fails
			stream = keepPart(tx, run, stream, part)
			must(tx.SetCheckpoint(run, keptUntil(stream)))
		}))
	}
	must(t.isKept(run, stream))
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
