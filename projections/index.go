package projections

import "hash/maphash"

// jobIndex finds jobs by their id: a hash table of the jobs' indexes, with linear probing. The tags of
// the slots are apart: a search for a new job looks at nothing else, and they fit into the
// processor's caches. A map would hold the ids a second time, and with as many jobs as a large run
// has, growing it costs more.
type jobIndex struct {
	seed   maphash.Seed
	hashes pages[uint32] // by job
	tags   []uint8       // a power of two, at most half of them used; 0 in a free slot
	jobs   []int32       // by slot
}

const minIndex = 16

func newJobIndex() jobIndex {
	return jobIndex{seed: maphash.MakeSeed(), tags: make([]uint8, minIndex), jobs: make([]int32, minIndex)}
}

func (x *jobIndex) hash(id string) uint32 { return uint32(maphash.String(x.seed, id)) }

// tag is of other bits of a hash than its slot, and not 0.
func tag(hash uint32) uint8 { return uint8(hash>>25) | 0x80 }

// find returns the job called id, or nil.
func (x *jobIndex) find(id string, hash uint32, jobs *pages[TrackedJob]) *TrackedJob {
	mask, want := uint32(len(x.tags)-1), tag(hash)
	for i := hash & mask; x.tags[i] != 0; i = (i + 1) & mask {
		if x.tags[i] == want {
			if job := jobs.at(int(x.jobs[i])); job.ID == id {
				return job
			}
		}
	}
	return nil
}

// insert adds the next job, which find does not find.
func (x *jobIndex) insert(hash uint32) {
	*x.hashes.add() = hash
	if 2*x.hashes.len() <= len(x.tags) {
		x.place(hash, x.hashes.len()-1)
		return
	}
	size := 2 * len(x.tags)
	x.tags, x.jobs = make([]uint8, size), make([]int32, size)
	for job := range x.hashes.len() {
		x.place(*x.hashes.at(job), job)
	}
}

func (x *jobIndex) place(hash uint32, job int) {
	mask := uint32(len(x.tags) - 1)
	i := hash & mask
	for x.tags[i] != 0 {
		i = (i + 1) & mask
	}
	x.tags[i], x.jobs[i] = tag(hash), int32(job)
}
