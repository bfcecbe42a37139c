package jetstream

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
)

// candidate is a worker, and the partitions that it has subscribed to.
type candidate struct {
	ID         string `json:"id"`
	All        bool   `json:"all,omitempty"`
	Partitions []int  `json:"partitions,omitempty"`
}

func (c candidate) wants(partition int) bool {
	return c.All || slices.Contains(c.Partitions, partition)
}

// plan caches the latest assignment, because heartbeats are much more frequent than joins and leaves.
type plan struct {
	partitions int
	workers    []candidate
	owners     map[int]string
}

// update returns the worker of each partition.
func (p *plan) update(partitions int, workers []candidate) map[int]string {
	if p.owners == nil || p.partitions != partitions || !reflect.DeepEqual(p.workers, workers) {
		*p = plan{partitions, workers, assign(partitions, workers)}
	}
	return p.owners
}

// claim is a worker's claim to a partition. The highest claim wins, unless its worker already has its
// share.
type claim struct {
	partition, worker int
	weight            uint64
}

// assign returns the worker of each partition. Every worker computes the same result on its own
// (rendezvous hashing). If all workers subscribe to all partitions, their numbers of partitions differ
// by at most one, and few partitions move when a worker joins or leaves.
func assign(partitions int, workers []candidate) map[int]string {
	workers = slices.DeleteFunc(slices.Clone(workers), func(c candidate) bool { return !c.All && len(c.Partitions) == 0 })
	owners := make(map[int]string, partitions)
	if len(workers) == 0 {
		return owners
	}
	claims := claims(partitions, workers)
	loads := make([]int, len(workers))
	least, more := partitions/len(workers), partitions%len(workers)
	give := func(fits func(worker int) bool) {
		for _, c := range claims {
			if _, taken := owners[c.partition]; !taken && fits(c.worker) {
				owners[c.partition] = workers[c.worker].ID
				if loads[c.worker]++; loads[c.worker] == least+1 {
					more--
				}
			}
		}
	}
	give(func(worker int) bool { return loads[worker] < least || loads[worker] == least && more > 0 })
	give(func(int) bool { return true }) // partitions whose only subscribers already have their share
	return owners
}

// claims returns all claims, the highest first.
func claims(partitions int, workers []candidate) []claim {
	claims := make([]claim, 0, partitions*len(workers))
	for partition := range partitions {
		for i, w := range workers {
			if w.wants(partition) {
				sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", partition, w.ID))
				claims = append(claims, claim{partition, i, binary.BigEndian.Uint64(sum[:])})
			}
		}
	}
	slices.SortFunc(claims, func(a, b claim) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.partition, b.partition), cmp.Compare(workers[a.worker].ID, workers[b.worker].ID))
	})
	return claims
}
