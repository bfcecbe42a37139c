package laws

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// observer folds entries through one projection, and keeps the rows that it hands out.
type observer[R comparable] struct {
	fold  *projections.Fold
	into  *[]projections.Row[R]
	final []projections.Row[R] // in the order in which they became final
}

func observe[R comparable](p projections.Projection[R], others ...projections.Member) *observer[R] {
	return observeAs(func(take func(*projections.Row[R])) projections.Member { return projections.Into("observed", p, take) }, others...)
}

func observeAs[R comparable](member func(take func(*projections.Row[R])) projections.Member, others ...projections.Member) *observer[R] {
	o := &observer[R]{}
	o.into = &o.final
	take := func(row *projections.Row[R]) { *o.into = append(*o.into, *row) }
	o.fold = projections.NewFold("run", append([]projections.Member{member(take)}, others...)...)
	return o
}

// apply folds entries. The fold gets a copy of each, so that a projection that writes to one only
// affects its own fold.
func (o *observer[R]) apply(entries ...domain.Entry) *observer[R] {
	for _, entry := range entries {
		o.fold.Apply(&entry)
	}
	return o
}

// open returns the rows that are open now.
func (o *observer[R]) open() []projections.Row[R] {
	var rows []projections.Row[R]
	o.into = &rows
	o.fold.Open()
	o.into = &o.final
	return rows
}

// whole is a size that puts all open rows into one part.
const whole = math.MaxInt

// changed returns the open rows that may have changed since the mark, listed in parts of that size.
func (o *observer[R]) changed(size int) (rows []projections.Row[R]) {
	o.into = &rows
	_ = o.fold.OpenParts(size, func() error { return nil })
	o.into = &o.final
	return rows
}

// atEachCut calls a function with the rows that a projection has handed out at each point where the
// stream may end.
func atEachCut[R comparable](newProjection maker[R], stream []domain.Entry, look func(outcome[R]) error) error {
	o := observe(newProjection())
	for cut := range len(stream) + 1 {
		if err := look(o.outcome()); err != nil {
			return after(cut, err)
		}
		o.apply(stream[cut:min(cut+1, len(stream))]...)
	}
	return nil
}

func (o *observer[R]) outcome() outcome[R] { return outcome[R]{o.final, o.open()} }

// outcome has the rows that a projection has handed out at some point of a stream.
type outcome[R comparable] struct {
	final, open []projections.Row[R]
}

// differs returns an error that describes the first difference between o and want.
func (o outcome[R]) differs(want outcome[R]) error {
	if err := differ("final", o.final, want.final); err != nil {
		return err
	}
	return differ("open", o.open, want.open)
}

func differ[R comparable](which string, got, want []projections.Row[R]) error {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Errorf("%s row %d is %+v, not %+v", which, i, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d %s rows, not %d: %+v, not %+v", len(got), which, len(want), got, want)
	}
	return nil
}

// rows returns all rows in order of their index.
func (o outcome[R]) rows() []projections.Row[R] {
	rows := slices.Concat(o.final, o.open)
	slices.SortStableFunc(rows, func(a, b projections.Row[R]) int { return cmp.Compare(a.Index, b.Index) })
	return rows
}
