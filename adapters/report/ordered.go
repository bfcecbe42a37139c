package report

import "github.com/quire-ci/quire-project/projections"

// ordered brings rows, which come in the order in which they become final,
// into the order of their index. A row waits only for those before it.
type ordered[R comparable] struct {
	emit    func(*R)
	next    int          // index of the row to emit next
	waiting []waiting[R] // rows from next on, as far as they are here
}

type waiting[R comparable] struct {
	row  R
	here bool
}

// take is what a fold hands rows to, once each.
func (o *ordered[R]) take(row *projections.Row[R]) {
	if row.Index == o.next && len(o.waiting) == 0 {
		o.emit(&row.Value)
		o.next++
		return
	}
	at := row.Index - o.next
	for len(o.waiting) <= at {
		o.waiting = append(o.waiting, waiting[R]{})
	}
	o.waiting[at] = waiting[R]{row.Value, true}
	o.release()
}

// release emits the rows at the front that nothing holds back any more.
func (o *ordered[R]) release() {
	n := 0
	for n < len(o.waiting) && o.waiting[n].here {
		o.emit(&o.waiting[n].row)
		o.waiting[n] = waiting[R]{} // lets go of the strings
		n++
	}
	o.waiting = o.waiting[n:]
	o.next += n
}
