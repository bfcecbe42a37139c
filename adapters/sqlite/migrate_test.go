package sqlite_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/adapters/sqlite"
)

// Several handles without settings can make one store at the same time.
func TestMadeAtOnce(t *testing.T) {
	for range 5 {
		path := filepath.Join(t.TempDir(), "quire.db")
		var all sync.WaitGroup
		for range 5 {
			db := other(t, path)
			all.Go(func() {
				_, err := sqlite.New(context.Background(), db)
				assert.NoError(t, err)
			})
		}
		all.Wait()
	}
}
