package postgres

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
)

// Locks are taken in one order, whatever order the runs are named in.
func TestLockKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfNDistinct(rapid.String(), 0, 9, rapid.ID).Draw(t, "ids")
		runs := make([]domain.RunID, len(ids))
		for i, id := range ids {
			runs[i] = domain.RunID(id)
		}
		keys := lockKeys("public", runs)
		if len(keys) != len(runs) {
			t.Errorf("%d runs have %d keys", len(runs), len(keys))
		}
		shuffled := rapid.Permutation(runs).Draw(t, "shuffled")
		if other := lockKeys("public", append(shuffled, runs...)); !slices.Equal(other, keys) {
			t.Errorf("%v in one order, %v in another", keys, other)
		}
	})
}
