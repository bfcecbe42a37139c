package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// newer is a store that another program has switched to rows of a newer version.
type newer struct{ store.Store }

func (newer) Versions(context.Context) (map[string]int, error) {
	return map[string]int{projections.Jobs.Name: projections.Jobs.Version + 1}, nil
}

// A projector to which no segment comes notices that its store is of another version.
func TestIdleProjectorIsOutdated(t *testing.T) {
	found := make(chan error, 1)
	outdated := func(err error) {
		select {
		case found <- err:
		default:
		}
	}
	p := store.NewProjector(newer{memory.New()}, wire{}, store.ProjectorOptions{GapTimeout: time.Millisecond, Outdated: outdated})
	assert.ErrorIs(t, <-found, store.ErrOtherVersion)
	assert.NoError(t, p.Close(t.Context()))
}
