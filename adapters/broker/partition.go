package broker

import (
	"hash/fnv"
	"strconv"

	"github.com/quire-ci/quire-project/domain"
)

// Partition returns which of so many partitions a run belongs to: the 64-bit FNV-1a
// hash of the bytes of its id, modulo their number. All publishers must agree
// on it, whatever their version, so it never changes. Less than one
// partition counts as one.
func Partition(run domain.RunID, partitions int) int {
	if partitions <= 1 {
		return 0
	}
	h := fnv.New64a()
	h.Write([]byte(run))
	return int(h.Sum64() % uint64(partitions))
}

// Topics says where the segments of a stream go. It must be safe for
// concurrent use.
type Topics interface {
	// Partitions is how many there are, at least one. It may grow, not shrink.
	Partitions() int
	// Topic is the name of a partition's topic; partitions count from 0.
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
