package broker

import (
	"hash/fnv"
	"strconv"

	"github.com/quire-ci/quire-project/domain"
)

// Partition returns the partition of a run: the 64-bit FNV-1a hash of the bytes of its id, modulo the
// number of partitions. All publishers of all versions must agree on it, so it never changes. A number
// below one counts as one.
func Partition(run domain.RunID, partitions int) int {
	if partitions <= 1 {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(run))
	return int(h.Sum64() % uint64(partitions))
}

// Topics maps the segments of a stream to topics. It must be safe for concurrent use.
type Topics interface {
	// Partitions returns the number of partitions, at least one. It may grow, but never shrinks.
	Partitions() int
	// Topic returns the name of a partition's topic. Partitions count from 0.
	Topic(partition int) string
}

// FixedTopics returns the topics stream.0, stream.1 and so on.
func FixedTopics(stream string, partitions int) Topics {
	return fixedTopics{stream, partitions}
}

type fixedTopics struct {
	stream     string
	partitions int
}

func (t fixedTopics) Partitions() int            { return t.partitions }
func (t fixedTopics) Topic(partition int) string { return t.stream + "." + strconv.Itoa(partition) }

// topicOf returns the current topic of a run's segments.
func topicOf(topics Topics, run domain.RunID) string {
	return topics.Topic(Partition(run, topics.Partitions()))
}
