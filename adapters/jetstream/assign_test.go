package jetstream

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func drawWorkers(t *rapid.T, most int, onlyAll bool) (workers []candidate) {
	for i := range rapid.IntRange(0, most).Draw(t, "workers") {
		c := candidate{ID: fmt.Sprintf("host-%d", i), All: onlyAll || rapid.Bool().Draw(t, "all")}
		if !c.All {
			c.Partitions = rapid.SliceOfNDistinct(rapid.IntRange(0, 20), 0, 5, rapid.ID).Draw(t, "partitions")
		}
		workers = append(workers, c)
	}
	return workers
}

// Every partition with a subscriber is assigned to one of its subscribers, and all workers compute the
// same result in whatever order they learn of each other.
func TestAssignGivesAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		partitions := rapid.IntRange(1, 20).Draw(t, "partitions")
		workers := drawWorkers(t, 6, false)
		owners := assign(partitions, workers)
		for partition := range partitions {
			wanted := slices.ContainsFunc(workers, func(c candidate) bool { return c.wants(partition) })
			owner, given := owners[partition]
			require.Equal(t, given, wanted, "%d", partition)
			if given && !slices.ContainsFunc(workers, func(c candidate) bool { return c.ID == owner && c.wants(partition) }) {
				t.Fatalf("%d is given to %q, who does not want it", partition, owner)
			}
		}
		if len(workers) == 0 {
			return
		}
		var p plan
		p.update(rapid.IntRange(1, 20).Draw(t, "partitions before"), drawWorkers(t, 6, false))
		for range 2 {
			if got := p.update(partitions, workers); !maps.Equal(got, owners) {
				t.Fatalf("%v, and with what was known before %v", owners, got)
			}
		}
		again := assign(partitions, rapid.Permutation(workers).Draw(t, "order"))
		for partition, owner := range owners {
			if again[partition] != owner {
				t.Fatalf("%d: %q and, in another order, %q", partition, owner, again[partition])
			}
		}
	})
}

// If all workers want all partitions, their shares differ by one at most, and few partitions move
// when a worker leaves.
func TestAssignIsFair(t *testing.T) {
	moved, total := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		partitions := rapid.IntRange(1, 40).Draw(t, "partitions")
		workers := drawWorkers(t, 9, true)
		if len(workers) < 2 {
			return
		}
		owners := assign(partitions, workers)
		loads := map[string]int{}
		for _, owner := range owners {
			loads[owner]++
		}
		for _, w := range workers {
			if n := loads[w.ID]; n < partitions/len(workers) || n > (partitions+len(workers)-1)/len(workers) {
				t.Fatalf("of %d partitions for %d workers, %s has %d", partitions, len(workers), w.ID, n)
			}
		}
		left := workers[len(workers)-1].ID
		for partition, owner := range assign(partitions, workers[:len(workers)-1]) {
			total++
			if owners[partition] != left && owners[partition] != owner {
				moved++
			}
		}
	})
	assert.LessOrEqual(t, moved*5, total, "%d", moved)
	t.Logf("%d of %d partitions changed hands without need", moved, total)
}
