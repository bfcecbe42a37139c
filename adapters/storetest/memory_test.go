package storetest_test

import (
	"testing"

	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

func TestMemory(t *testing.T) {
	s := memory.New()
	storetest.Run(t, func(_ *testing.T, set *projections.Set) store.Store { return s.As(set) })
}

func TestMemoryKeepsStreams(t *testing.T) {
	storetest.RunKeeping(t, func(*testing.T) storetest.Opener {
		s := memory.New().KeepStreams()
		return func(_ *testing.T, set *projections.Set) store.Store { return s.As(set) }
	})
}

func TestMemoryVersions(t *testing.T) {
	storetest.Versions(t, func(*testing.T) func(*projections.Set) store.Versioned {
		s := memory.New()
		return func(set *projections.Set) store.Versioned { return s.As(set) }
	})
}
