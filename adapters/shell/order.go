package shell

import (
	"container/heap"
	"slices"
)

// order returns the indexes of jobs in the order in which they run. It reports
// the cycles: where jobs wait for each other, one cycle among them is taken as
// done, and the others go on.
func (p *problems) order(jobs []Job, index map[string]int) []int {
	o := newOrdering(jobs, index)
	for o.ready(); len(o.order) < len(jobs); o.ready() {
		on, need := o.cycle()
		p.cycle(jobs, on, need)
		for _, i := range on {
			o.done(i)
		}
	}
	return o.order
}

// ordering sorts jobs by what they need.
type ordering struct {
	jobs  []Job
	index map[string]int
	// waits counts the needs that are not done; needed lists who has them.
	waits  []int
	needed [][]int
	placed []bool
	next   intHeap // those that wait for nothing
	order  []int
	first  int // no job before it is left
}

func newOrdering(jobs []Job, index map[string]int) *ordering {
	n := len(jobs)
	o := &ordering{jobs: jobs, index: index, waits: make([]int, n), needed: make([][]int, n), placed: make([]bool, n)}
	for i, job := range jobs {
		for _, need := range job.Needs {
			if j, ok := index[need]; ok {
				o.waits[i]++
				o.needed[j] = append(o.needed[j], i)
			}
		}
	}
	for i, waits := range o.waits {
		if waits == 0 {
			heap.Push(&o.next, i)
		}
	}
	return o
}

// ready places the jobs whose needs are done, those that were given first
// before others.
func (o *ordering) ready() {
	for len(o.next) > 0 {
		if i := heap.Pop(&o.next).(int); !o.placed[i] {
			o.done(i)
		}
	}
}

func (o *ordering) done(i int) {
	o.placed[i] = true
	o.order = append(o.order, i)
	for _, waiting := range o.needed[i] {
		if o.waits[waiting]--; o.waits[waiting] == 0 {
			heap.Push(&o.next, waiting)
		}
	}
}

// cycle returns a cycle among the jobs that are left, each of which needs
// another one of them, and which need of the first one is on it. The job that
// was given first comes first.
func (o *ordering) cycle() (on []int, need int) {
	for o.placed[o.first] {
		o.first++
	}
	at := map[int]int{} // where in on a job stands
	for i := o.first; ; i = o.index[o.jobs[i].Needs[o.left(i)]] {
		if from, back := at[i]; back {
			on = on[from:]
			break
		}
		at[i] = len(on)
		on = append(on, i)
	}
	lead := slices.Index(on, slices.Min(on))
	on = slices.Concat(on[lead:], on[:lead])
	return on, o.left(on[0])
}

// left returns the first need of a job that is not done.
func (o *ordering) left(i int) int {
	return slices.IndexFunc(o.jobs[i].Needs, func(need string) bool {
		j, ok := o.index[need]
		return ok && !o.placed[j]
	})
}

// intHeap is a container/heap of ints, the least on top.
type intHeap []int

func (h intHeap) Len() int           { return len(h) }
func (h intHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h intHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *intHeap) Push(x any)        { *h = append(*h, x.(int)) }
func (h *intHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}
