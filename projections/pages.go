package projections

import "iter"

// pages is a sequence that grows without copies, which would take more time than
// everything else.
type pages[T any] struct {
	pages [][]T
}

const pageSize = 512

func (p *pages[T]) len() int {
	if len(p.pages) == 0 {
		return 0
	}
	last := len(p.pages) - 1
	return last*pageSize + len(p.pages[last])
}

// at returns the element with the index i. The pointer is valid until the next add.
func (p *pages[T]) at(i int) *T { return &p.pages[i/pageSize][i%pageSize] }

// add adds an element and returns it. Only the first page grows by copies, because most runs
// have few jobs.
func (p *pages[T]) add() *T {
	last := len(p.pages) - 1
	switch {
	case last < 0:
		p.pages = append(p.pages, nil)
		last = 0
	case len(p.pages[last]) == pageSize:
		p.pages = append(p.pages, make([]T, 0, pageSize))
		last++
	}
	var zero T
	page := append(p.pages[last], zero)
	p.pages[last] = page
	return &page[len(page)-1]
}

func (p *pages[T]) all() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for _, page := range p.pages {
			for i := range page {
				if !yield(&page[i]) {
					return
				}
			}
		}
	}
}
