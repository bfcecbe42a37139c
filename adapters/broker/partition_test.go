package broker_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/broker"
	"github.com/quire-ci/quire-project/domain"
)

// Publishers of all versions must agree: these numbers never change.
func TestPartitionNeverChanges(t *testing.T) {
	for run, want := range map[domain.RunID][3]int{
		"":        {1, 5, 37},
		"run":     {2, 10, 210},
		"nightly": {2, 10, 258},
		"run-1":   {0, 12, 76},
		"run-2":   {1, 5, 709},
		"a/b/ç":   {0, 4, 820},
		"🙂":       {3, 11, 947},
		"\xff":    {2, 14, 646},
	} {
		got := [3]int{broker.Partition(run, 4), broker.Partition(run, 16), broker.Partition(run, 1000)}
		if got != want {
			t.Errorf("%q: {%d, %d, %d}, want %v", run, got[0], got[1], got[2], want)
		}
	}
}

// The test implements the hash again, like the author of another publisher would.
func TestPartitionIsFNV1a(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		run := rapid.String().Draw(t, "run")
		partitions := rapid.IntRange(-1, 100).Draw(t, "partitions")
		hash := uint64(14695981039346656037)
		for _, b := range []byte(run) {
			hash = (hash ^ uint64(b)) * 1099511628211
		}
		want := int(hash % uint64(max(partitions, 1)))
		require.Equal(t, want, broker.Partition(domain.RunID(run), partitions))
	})
}

func TestPartitionsAreUsedAlike(t *testing.T) {
	const runs, partitions = 10_000, 8
	var counts [partitions]int
	for i := range runs {
		counts[broker.Partition(domain.RunID(fmt.Sprintf("nightly-%d", i)), partitions)]++
	}
	for partition, n := range counts {
		if n < runs/partitions*8/10 || n > runs/partitions*12/10 {
			t.Errorf("partition %d has %d of %d runs", partition, n, runs)
		}
	}
}

func TestFixedTopics(t *testing.T) {
	topics := broker.FixedTopics("quire", 3)
	if topics.Partitions() != 3 || topics.Topic(2) != "quire.2" {
		t.Error(topics.Partitions(), topics.Topic(2))
	}
}
