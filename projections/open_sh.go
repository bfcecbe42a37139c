package projections

import "strings"

// shStacks holds the open sh of all jobs, in a stack for each job: a ShFinished closes the
// newest. Slots are used again, so that memory grows only with the open sh.
type shStacks struct {
	slots   pages[shSlot]
	free    int32
	leaving int32   // the slot that pop emptied last: its sh is still in use
	young   []int32 // slots whose command is in the reader's memory
}

type shSlot struct {
	TrackedSh
	used, detached bool
	below          int32 // the next slot in the stack of its job, or of the free slots
}

// none ends a stack.
const none = -1

// youngSpan is how many events an open command stays in the reader's memory, which many
// commands share. Then it is copied, so that it does not keep the others alive.
const youngSpan = 4096

func newShStacks() shStacks { return shStacks{free: none, leaving: none} }

// push adds a sh to the job's stack, for the caller to fill in.
func (s *shStacks) push(job *TrackedJob) *TrackedSh {
	s.release()
	i := s.free
	if i == none {
		i = int32(s.slots.len())
		s.slots.add()
	} else {
		s.free = s.slots.at(int(i)).below
	}
	slot := s.slots.at(int(i))
	slot.used, slot.detached, slot.below = true, false, none
	if job.OpenSh > 0 {
		slot.below = job.newest
	}
	job.newest = i
	job.OpenSh++
	s.young = append(s.young, i)
	return &slot.TrackedSh
}

// pop removes the newest sh from the job's stack. The sh is valid until the next push or
// pop.
func (s *shStacks) pop(job *TrackedJob) *TrackedSh {
	s.release()
	i := job.newest
	slot := s.slots.at(int(i))
	job.newest = slot.below
	job.OpenSh--
	slot.used = false
	s.leaving = i
	return &slot.TrackedSh
}

// newest returns the sh on top of the job's stack, nil if none is open.
func (s *shStacks) newest(job *TrackedJob) *TrackedSh {
	if job.OpenSh == 0 {
		return nil
	}
	return &s.slots.at(int(job.newest)).TrackedSh
}

// release frees the slot that pop emptied.
func (s *shStacks) release() {
	if s.leaving == none {
		return
	}
	slot := s.slots.at(int(s.leaving))
	slot.Cmd, slot.below = "", s.free
	s.free, s.leaving = s.leaving, none
}

// detach copies the commands of young open sh out of the reader's memory.
func (s *shStacks) detach() {
	for _, i := range s.young {
		if slot := s.slots.at(int(i)); slot.used && !slot.detached {
			slot.Cmd, slot.detached = strings.Clone(slot.Cmd), true
		}
	}
	s.young = s.young[:0]
}
