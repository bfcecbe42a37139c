package projections

import "hash/maphash"

// jobIndex finds jobs by their id: a hash table of the jobs' indexes, with
// linear probing. A map would hold the ids a second time, and with as many jobs as
// a large run has, growing it costs more: with 200,000 jobs, the whole program takes 8 % longer.
type jobIndex struct {
	seed  maphash.Seed
	slots []indexSlot // a power of two, at most half of them used
	used  int
}

type indexSlot struct {
	hash uint32
	job  int32 // index of the job and one, 0 in a free slot
}

const minIndex = 16

func newJobIndex() jobIndex {
	return jobIndex{seed: maphash.MakeSeed(), slots: make([]indexSlot, minIndex)}
}

func (x *jobIndex) hash(id string) uint32 { return uint32(maphash.String(x.seed, id)) }

// find returns the index of the job called id, or none.
func (x *jobIndex) find(id string, hash uint32, jobs *pages[TrackedJob]) int32 {
	for i := hash; ; i++ {
		slot := x.slots[i&uint32(len(x.slots)-1)]
		switch {
		case slot.job == 0:
			return none
		case slot.hash == hash && jobs.at(int(slot.job-1)).ID == id:
			return slot.job - 1
		}
	}
}

// insert adds a job that find does not find.
func (x *jobIndex) insert(hash uint32, job int32) {
	if x.used++; 2*x.used > len(x.slots) {
		old := x.slots
		x.slots = make([]indexSlot, 2*len(old))
		for _, slot := range old {
			if slot.job != 0 {
				x.place(slot)
			}
		}
	}
	x.place(indexSlot{hash, job + 1})
}

func (x *jobIndex) place(slot indexSlot) {
	i := slot.hash
	for x.slots[i&uint32(len(x.slots)-1)].job != 0 {
		i++
	}
	x.slots[i&uint32(len(x.slots)-1)] = slot
}
