package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/quire-ci/quire-project/adapters/internal/display"
)

// shown keeps the rows that a table shows: at most limit, failed ones first. So memory is bounded
// by the limit, and not by the stream.
type shown[R any] struct {
	limit int
	kept  [display.Complete + 1][]placed[R]
	total tally

	// fates, if set, has the decisions on the rows: rows that are not rejected are kept until
	// trim.
	fates *fates
	most  int // number of kept rows of a verdict at which rejected ones are removed; 0 for no limit
}

// placed is a row with its index in the projection.
type placed[R any] struct {
	index   int
	verdict display.Verdict
	row     R
}

// tally has counts by verdict.
type tally [display.Complete + 1]int

func (t tally) sum() (n int) {
	for _, count := range t {
		n += count
	}
	return n
}

// wants counts a row of a verdict, and reports whether it may be shown.
func (s *shown[R]) wants(verdict display.Verdict) bool {
	s.total[verdict]++
	return s.fates != nil || len(s.kept[verdict]) < s.limit
}

func (s *shown[R]) keep(index int, verdict display.Verdict, row R) {
	kept := append(s.kept[verdict], placed[R]{index, verdict, row})
	if s.most > 0 && len(kept) >= s.most {
		kept = slices.DeleteFunc(kept, func(r placed[R]) bool { return s.fates.of(r.index) == rejected })
		s.most = max(s.most, 2*len(kept))
	}
	s.kept[verdict] = kept
}

// trim keeps only the selected rows.
func (s *shown[R]) trim() {
	for verdict, kept := range s.kept {
		s.kept[verdict] = slices.DeleteFunc(kept, func(r placed[R]) bool { return s.fates.of(r.index) != selected })
		s.total[verdict] = len(s.kept[verdict])
	}
}

// rows returns the rows to show, in the order of the projection, and counts the others.
func (s *shown[R]) rows() (rows []placed[R], left tally) {
	for verdict, kept := range s.kept {
		n := min(len(kept), s.limit-len(rows))
		rows = append(rows, kept[:n]...)
		left[verdict] = s.total[verdict] - n
	}
	slices.SortFunc(rows, func(a, b placed[R]) int { return cmp.Compare(a.index, b.index) })
	return rows, left
}

// leftOut returns a note about rows that are not shown, in parts: their number, and how many of
// them failed or are unfinished.
func (t tally) leftOut(one string) []string {
	if t.sum() != 1 {
		one += "s"
	}
	parts := []string{fmt.Sprintf("… %d more %s left out", t.sum(), one)}
	for _, verdict := range []display.Verdict{display.Failed, display.Unfinished} {
		if t[verdict] > 0 {
			parts = append(parts, strconv.Itoa(t[verdict])+" "+verdict.Word())
		}
	}
	return parts
}
