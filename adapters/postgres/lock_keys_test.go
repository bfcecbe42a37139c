package postgres

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
)

// Locks are taken in one order, whatever the order of the runs.
func TestLockKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(rapid.String(), 0, 9, rapid.ID).Draw(t, "ids")
		runs := make([]domain.RunID, len(ids))
		for i, id := range ids {
			runs[i] = domain.RunID(id)
		}
		keys := lockKeys("public", runs)
		assert.Len(t, keys, len(runs))
		shuffled := rapid.Permutation(runs).Draw(t, "shuffled")
		assert.Equal(t, keys, lockKeys("public", append(shuffled, runs...)))
	})
}
