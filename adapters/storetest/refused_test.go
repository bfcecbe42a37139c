package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// withoutRun is a store that does not write one run, in a way of its own.
type withoutRun struct {
	store.Store
	run    domain.RunID
	refuse func(context.Context) error
}

func (s *withoutRun) Update(ctx context.Context, do func(store.Tx) error) error {
	return s.Store.Update(ctx, func(tx store.Tx) error {
		return do(&brokenTx{Tx: tx, checkpoint: func(run domain.RunID, c store.Checkpoint) error {
			if run == s.run {
				return s.refuse(ctx)
			}
			return tx.SetCheckpoint(run, c)
		}})
	})
}

// A run that the store does not write is no reason for others not to be written,
// though all come together.
func TestOneRunIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		refuse func(context.Context) error
		want   error
	}{
		"at once": {func(context.Context) error { return errFault }, errFault},
		"never": {func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}, store.ErrAway},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &withoutRun{Store: memory.New(), run: "run 3", refuse: test.refuse}
			options := hasty
			options.Timeout = time.Second
			p := store.NewProjector(s, skipping(), options)
			defer p.Close(context.Background())
			var all sync.WaitGroup
			for i := range 20 {
				all.Go(func() {
					segment := firstSegment(domain.RunID(fmt.Sprint("run ", i)))
					err := p.Apply(t.Context(), segment)
					if segment.Run == s.run && errors.Is(err, test.want) || segment.Run != s.run && err == nil {
						return
					}
					t.Errorf("%s: %v", segment.Run, err)
				})
			}
			all.Wait()
		})
	}
}
