package report

import "github.com/quire-ci/quire-project/projections"

// ordered sorts rows, which arrive in the order in which they become final, by index. A row waits
// only for those before it.
type ordered struct {
	emit    func(projections.Ref)
	next    int              // index of the next row to emit
	waiting projections.Rows // rows that have arrived, from next on
	here    []bool
}

func newOrdered(d *projections.Definition, emit func(projections.Ref)) *ordered {
	return &ordered{emit: emit, waiting: d.NewRows()}
}

// take receives each row of a fold once.
func (o *ordered) take(row projections.AnyRow) {
	if row.Index == o.next && len(o.here) == 0 {
		o.emit(row.Value)
		o.next++
		return
	}
	at := row.Index - o.next
	for len(o.here) <= at {
		o.here = append(o.here, false)
	}
	o.here[at] = true
	o.waiting.Put(at, row)
	o.release()
}

// release emits the rows whose predecessors have all been emitted.
func (o *ordered) release() {
	n := 0
	for n < len(o.here) && o.here[n] {
		o.emit(o.waiting.At(n).Value)
		n++
	}
	o.waiting.Drop(n)
	o.here = o.here[n:]
	o.next += n
}
