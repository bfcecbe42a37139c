package storetest

import (
	"fmt"
	"sync/atomic"

	"github.com/quire-ci/quire-project/projections/store"
)

var onceLaws = []law{
	example("a stream can be taken in by several while it grows", grownAtOnce),
	example("a stream is read as one of its versions while it grows", readWhileGrowing),
	example("rebuilds can run at once", rebuiltAtOnce),
}

// grownAtOnce has two that take in the same stream while it grows, and two with
// streams of their own.
func grownAtOnce(t *trial) {
	const steps = 20
	shared, own, other := record(t.run("shared"), nil), record(t.run("own"), nil), record(t.run("other"), nil)
	var over atomic.Bool
	grow := func(r *recording, stream []byte) error {
		for step := range steps {
			r.is(stream[:len(stream)*(step+1)/steps])
			if _, err := store.Ingest(t.ctx, t.store, r, store.Options{}); err != nil {
				return err
			}
		}
		return nil
	}
	together(4, func(i int) {
		switch i {
		case 0:
			defer over.Store(true)
			must(grow(shared, longStream(5)))
			return
		case 1:
			must(grow(own, exampleStream(1)))
			return
		case 2:
			must(grow(other, longStream(30)))
			return
		}
		for !over.Load() {
			value(store.Ingest(t.ctx, t.store, shared, store.Options{}))
		}
	})
	must(t.agree(shared, own, other))
}

// readWhileGrowing reads the run of a stream that is taken in line by line.
func readWhileGrowing(t *trial) {
	stream := longStream(2)
	r := record(t.run("a"), stream[:wholeLines(stream[:100])])
	value(store.Ingest(t.ctx, t.store, r, store.Options{}))
	var over atomic.Bool
	together(2, func(i int) {
		if i > 0 {
			t.readVersions(r, stream, &over)
			return
		}
		defer over.Store(true)
		for end := range stream {
			if end > 100 && stream[end] == '\n' {
				r.is(stream[:end+1])
				value(store.Ingest(t.ctx, t.store, r, store.Options{}))
			}
		}
	})
}

// readVersions reads a run, whose checkpoint says which version it must be.
func (t *trial) readVersions(r *recording, stream []byte, over *atomic.Bool) {
	for !over.Load() {
		got := value(t.read(r.run))
		version := record(r.run, stream[:got.checkpoint.V.End.Bytes])
		want := version.derived()
		must(wrap("what is stored is not the version that the checkpoint tells of", got.differs(want)))
	}
}

func rebuiltAtOnce(t *trial) {
	var all recordings
	for i := range 8 {
		all = append(all, record(t.run(fmt.Sprint(i)), exampleStream(i)))
	}
	together(3, func(i int) {
		_, err := store.Rebuild(t.ctx, t.store, append(all[i:], all[:i]...), store.Options{})
		must(err)
	})
	must(t.agree(all...))
}
