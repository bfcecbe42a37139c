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
func grownAtOnce(t *trial) error {
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
	err := together(4, func(i int) error {
		switch i {
		case 0:
			defer over.Store(true)
			return grow(shared, longStream(5))
		case 1:
			return grow(own, exampleStream(1))
		case 2:
			return grow(other, longStream(30))
		}
		for !over.Load() {
			if _, err := store.Ingest(t.ctx, t.store, shared, store.Options{}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return t.agree(shared, own, other)
}

// readWhileGrowing reads the run of a stream that is taken in line by line.
func readWhileGrowing(t *trial) error {
	stream := longStream(2)
	r := record(t.run("a"), stream[:wholeLines(stream[:100])])
	if _, err := store.Ingest(t.ctx, t.store, r, store.Options{}); err != nil {
		return err
	}
	var over atomic.Bool
	return together(2, func(i int) error {
		if i > 0 {
			return t.readVersions(r, stream, &over)
		}
		defer over.Store(true)
		for end := range stream {
			if end > 100 && stream[end] == '\n' {
				r.is(stream[:end+1])
				if _, err := store.Ingest(t.ctx, t.store, r, store.Options{}); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// readVersions reads a run, whose checkpoint says which version it must be.
func (t *trial) readVersions(r *recording, stream []byte, over *atomic.Bool) error {
	for !over.Load() {
		got, err := t.read(r.run)
		if err != nil {
			return err
		}
		version := record(r.run, stream[:got.checkpoint.V.End.Bytes])
		want, err := version.derived()
		if err != nil {
			return err
		}
		if err := got.differs(want); err != nil {
			return fmt.Errorf("what is stored is not the version that the checkpoint tells of: %w", err)
		}
	}
	return nil
}

func rebuiltAtOnce(t *trial) error {
	var all recordings
	for i := range 8 {
		all = append(all, record(t.run(fmt.Sprint(i)), exampleStream(i)))
	}
	err := together(3, func(i int) error {
		_, err := store.Rebuild(t.ctx, t.store, append(all[i:], all[:i]...), store.Options{})
		return err
	})
	if err != nil {
		return err
	}
	return t.agree(all...)
}
