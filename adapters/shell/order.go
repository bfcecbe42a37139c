package shell

import "slices"

// graph checks jobs and sorts them by their needs.
type graph struct {
	jobs     []Job
	index    map[string]int // of jobs, by id
	problems []error

	waits  []int   // how many needs of a job are not placed
	needed [][]int // the jobs that need a job
	placed []bool
	next   []int // the jobs without waits, sorted
	order  []int
	first  int // all jobs before this one are placed
}

// sort finds the order in which the jobs run. It reports one cycle after the other: it takes the
// jobs on a cycle as placed, and continues with the rest.
func (g *graph) sort() {
	n := len(g.jobs)
	g.waits, g.needed, g.placed = make([]int, n), make([][]int, n), make([]bool, n)
	for i, job := range g.jobs {
		for _, need := range job.Needs {
			if j, ok := g.index[need]; ok {
				g.waits[i]++
				g.needed[j] = append(g.needed[j], i)
			}
		}
		if g.waits[i] == 0 {
			g.next = append(g.next, i)
		}
	}
	for g.placeNext(); len(g.order) < n; g.placeNext() {
		on, need := g.cycle()
		g.reportCycle(on, need)
		for _, i := range on {
			g.place(i)
		}
	}
}

// placeNext places jobs as long as some need no unplaced one, in the order of New's arguments.
func (g *graph) placeNext() {
	for len(g.next) > 0 {
		i := g.next[0]
		if g.next = g.next[1:]; !g.placed[i] {
			g.place(i)
		}
	}
}

func (g *graph) place(i int) {
	g.placed[i] = true
	g.order = append(g.order, i)
	for _, waiting := range g.needed[i] {
		if g.waits[waiting]--; g.waits[waiting] == 0 {
			at, _ := slices.BinarySearch(g.next, waiting)
			g.next = slices.Insert(g.next, at, waiting)
		}
	}
}

// cycle returns a cycle among the jobs that are not placed. Each of them needs another one
// of them, and the index of the first job's need on the cycle. The cycle starts with the job
// that comes first in New's arguments.
func (g *graph) cycle() (on []int, need int) {
	for g.placed[g.first] {
		g.first++
	}
	at := map[int]int{} // the index of a job in on
	for i := g.first; ; i = g.index[g.jobs[i].Needs[g.waitsFor(i)]] {
		if from, back := at[i]; back {
			on = on[from:]
			break
		}
		at[i] = len(on)
		on = append(on, i)
	}
	lead := slices.Index(on, slices.Min(on))
	on = slices.Concat(on[lead:], on[:lead])
	return on, g.waitsFor(on[0])
}

// waitsFor returns the index of a job's first need that is not placed.
func (g *graph) waitsFor(i int) int {
	return slices.IndexFunc(g.jobs[i].Needs, func(need string) bool {
		j, ok := g.index[need]
		return ok && !g.placed[j]
	})
}
