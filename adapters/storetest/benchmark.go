package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/fixtures/synth"
	"github.com/quire-ci/quire-project/projections/store"
)

// Benchmark compares a [store.Projector], which gets streams in segments as a broker delivers them,
// with ingesting the same streams from files. Open opens a new, empty store each time.
func Benchmark(b *testing.B, open func(b *testing.B) store.Store) {
	b.Run("one large run", func(b *testing.B) { compareProjecting(b, synth.Yardstick, 1, 16, open) })
	short := synth.Shape{Seed: 1, Jobs: 3, Sh: 10}
	for _, atOnce := range []int{16, 256} {
		b.Run("many short runs, "+strconv.Itoa(atOnce)+" at once", func(b *testing.B) { compareProjecting(b, short, 10_000, atOnce, open) })
	}
}

// segmentSize is the length of a segment, unless its run is shorter.
const segmentSize = 1 << 20

// compareProjecting writes that many runs in both ways, in turn.
func compareProjecting(b *testing.B, shape synth.Shape, runs, atOnce int, open func(b *testing.B) store.Store) {
	folder := filepath.Join(b.TempDir(), "streams")
	if err := os.Mkdir(folder, 0o777); err != nil {
		b.Fatal(err)
	}
	if err := shape.WriteFolder(folder, runs); err != nil {
		b.Fatal(err)
	}
	segments := segmentsOf(b, folder)
	var files, projector time.Duration
	for b.Loop() {
		files += timed(b, open(b), func(s store.Store) error {
			_, err := store.IngestAll(context.Background(), s, jsonl.Folder(folder), store.Options{})
			return err
		})
		projector += timed(b, open(b), func(s store.Store) error { return fromSegments(s, segments, atOnce) })
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(files.Seconds()/float64(b.N), "files-s")
	b.ReportMetric(projector.Seconds()/float64(b.N), "projector-s")
	b.ReportMetric(projector.Seconds()/files.Seconds(), "projector/files")
}

func timed(b *testing.B, s store.Store, do func(store.Store) error) time.Duration {
	begin := time.Now()
	if err := do(s); err != nil {
		b.Fatal(err)
	}
	return time.Since(begin)
}

// fromSegments applies segments, up to atOnce at the same time.
func fromSegments(s store.Store, segments []domain.Segment, atOnce int) error {
	ctx := context.Background()
	p := store.NewProjector(s, jsonl.NewSegments(jsonl.Options{}), store.ProjectorOptions{})
	var next atomic.Int64
	err := caught(func() {
		together(atOnce, func(int) {
			for i := next.Add(1); i <= int64(len(segments)); i = next.Add(1) {
				must(p.Apply(ctx, segments[i-1]))
			}
		})
	})
	return errors.Join(err, p.Close(ctx))
}

// segmentsOf returns the segments of the streams in a folder.
func segmentsOf(b *testing.B, folder string) (segments []domain.Segment) {
	for source, err := range jsonl.Walk(folder) {
		if err != nil {
			b.Fatal(err)
		}
		stream, err := os.ReadFile(source.Path)
		if err != nil {
			b.Fatal(err)
		}
		digest := sha256.New()
		for at := 0; at < len(stream); {
			end := min(at+segmentSize, len(stream))
			end = at + bytes.LastIndexByte(stream[at:end], '\n') + 1
			digest.Write(stream[at:end])
			segments = append(segments, domain.Segment{
				Run: source.Run, Offset: int64(at), Data: slices.Clip(stream[at:end]), SHA256: [sha256.Size]byte(digest.Sum(nil)),
			})
			at = end
		}
	}
	return segments
}
