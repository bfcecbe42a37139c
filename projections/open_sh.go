package projections

import "strings"

// shStacks holds the open sh of all jobs, a stack for each job: a ShFinished
// closes the newest. They stand in slots that are used again, so that memory
// follows what is open.
type shStacks struct {
	slots   pages[shSlot]
	free    int32
	leaving int32   // the slot that pop emptied last: its sh is still looked at
	young   []int32 // slots whose command is still the reader's memory
}

type shSlot struct {
	TrackedSh
	used, detached bool
	below          int32 // in the stack of its job, or of the free slots
}

// none ends a stack.
const none = -1

// youngSpan is how many events a command may stay in the memory that the
// reader cut it from. That memory is shared by many commands; one that runs
// for long is copied out of it, so that it does not keep the others alive.
const youngSpan = 4096

func newShStacks() shStacks { return shStacks{free: none, leaving: none} }

// push puts a sh on the job's stack, for the caller to fill in.
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

// pop takes the newest sh off the job's stack. It can be looked at until the
// next push or pop.
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

// detach copies the commands of the young that are still open out of the
// reader's memory.
func (s *shStacks) detach() {
	for _, i := range s.young {
		if slot := s.slots.at(int(i)); slot.used && !slot.detached {
			slot.Cmd, slot.detached = strings.Clone(slot.Cmd), true
		}
	}
	s.young = s.young[:0]
}
