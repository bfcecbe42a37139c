package projections

import "strings"

// shQueue holds the open sh of all jobs, a queue for each job: a ShFinished
// closes the oldest. They stand in slots that are used again, so that memory
// follows what is open.
type shQueue struct {
	slots   []shSlot
	free    int32
	leaving int32   // the slot that pop emptied last: its sh is still looked at
	young   []int32 // slots whose command is still the reader's memory
}

type shSlot struct {
	TrackedSh
	used, settled bool
	next          int32 // in the queue of its job, or of the free slots
}

// none ends a queue.
const none = -1

// youngSpan is how many events a command may stay in the memory that the
// reader cut it from. That memory is shared by many commands; one that runs
// for long is copied out of it, so that it does not keep the others alive.
const youngSpan = 4096

func newShQueue() shQueue { return shQueue{free: none, leaving: none} }

// push puts a sh at the end of the job's queue, for the caller to fill in.
func (q *shQueue) push(job *TrackedJob) *TrackedSh {
	q.release()
	i := q.free
	if i == none {
		i = int32(len(q.slots))
		q.slots = append(q.slots, shSlot{})
	} else {
		q.free = q.slots[i].next
	}
	slot := &q.slots[i]
	slot.used, slot.settled, slot.next = true, false, none
	if job.OpenSh == 0 {
		job.oldest = i
	} else {
		q.slots[job.newest].next = i
	}
	job.newest = i
	job.OpenSh++
	q.young = append(q.young, i)
	return &slot.TrackedSh
}

// pop takes the oldest sh off the job's queue. It can be looked at until the
// next push or pop.
func (q *shQueue) pop(job *TrackedJob) *TrackedSh {
	q.release()
	i := job.oldest
	slot := &q.slots[i]
	job.oldest = slot.next
	job.OpenSh--
	slot.used = false
	q.leaving = i
	return &slot.TrackedSh
}

// release frees the slot that pop emptied.
func (q *shQueue) release() {
	if q.leaving == none {
		return
	}
	slot := &q.slots[q.leaving]
	slot.Cmd, slot.next = "", q.free
	q.free, q.leaving = q.leaving, none
}

// settle copies the commands of the young that are still open out of the
// reader's memory.
func (q *shQueue) settle() {
	for _, i := range q.young {
		if slot := &q.slots[i]; slot.used && !slot.settled {
			slot.Cmd, slot.settled = strings.Clone(slot.Cmd), true
		}
	}
	q.young = q.young[:0]
}
