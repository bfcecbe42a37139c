package postgres_test

import (
	"testing"

	"github.com/quire-ci/quire-project/adapters/internal/pgtest"
	"github.com/quire-ci/quire-project/adapters/storetest"
	"github.com/quire-ci/quire-project/projections/store"
)

func TestStore(t *testing.T) {
	url := pgtest.Shared(t).NewDatabase(t)
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, url) })
}
