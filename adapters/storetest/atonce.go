package storetest

import (
	"fmt"
	"sync/atomic"

	"github.com/quire-ci/quire-project/projections/store"
)

var onceLaws = []law{
	example("several programs can ingest a stream while it grows", grownAtOnce),
	example("rebuilds can run at once", rebuiltAtOnce),
}

// grownAtOnce ingests the same stream in two goroutines while it grows, and another stream in each
// of two more.
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
