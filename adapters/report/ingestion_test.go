package report

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// failing is a store whose first calls succeed, and all others fail.
type failing struct {
	store.Versioned
	left int
}

var errFailing = errors.New("the store fails")

func (f *failing) next() error {
	if f.left--; f.left < 0 {
		return errFailing
	}
	return nil
}

func (f *failing) Drop(ctx context.Context, numbers ...int) error {
	if err := f.next(); err != nil {
		return err
	}
	return f.Versioned.Drop(ctx, numbers...)
}

func (f *failing) Versions(ctx context.Context) (map[string]int, error) {
	if err := f.next(); err != nil {
		return nil, err
	}
	return f.Versioned.Versions(ctx)
}

func (f *failing) Update(ctx context.Context, do func(store.Tx) error) error {
	if err := f.next(); err != nil {
		return err
	}
	return f.Versioned.Update(ctx, do)
}

// Wherever the store fails, a rebuild returns its error.
func TestRebuildInFailingStore(t *testing.T) {
	for left := 0; ; left++ {
		s := &failing{memory.New(), left}
		i := Ingestion{Say: func(string) {}, Failed: func(error) {}}
		err := i.Rebuild(t.Context(), s, jsonl.Folder("../../fixtures"), store.Options{})
		if s.left >= 0 {
			assert.NoError(t, err)
			assert.Greater(t, left, 3, "calls")
			return
		}
		assert.ErrorIs(t, err, errFailing, "after %d calls", left)
	}
}
