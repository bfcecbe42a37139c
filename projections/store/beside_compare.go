package store

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/parallel"
)

// Versioning says how the rows of a new version differ from the live ones.
type Versioning struct {
	// From and To are the versions of the live rows and of the new ones, by projection.
	From, To map[string]int
	// Added are the columns, by projection, that only the new tables have, and Removed those
	// that only the live ones have. They are not compared.
	Added, Removed map[string][]string
	// Compared counts the runs whose rows were compared, and Differing those whose rows differ.
	Compared, Differing int
	// Carried counts the runs without a stream, whose rows are the same, and Behind those that
	// are new, or whose live rows cover another part of the stream than the new ones.
	Carried, Behind int
	// Differences are in the order of the projections and their columns.
	Differences []VersionDifference
}

// VersionDifference counts the rows that differ in one column, or that one version does not have.
type VersionDifference struct {
	Kind       Kind
	Projection string
	// Column is empty if whole rows are missing or extra.
	Column string
	Rows   int64
	Runs   int
	// Examples are the first ones: Stored is the live value, Derived the new one.
	Examples []Difference
}

// maxExamples is how many examples a [VersionDifference] has.
const maxExamples = 3

// CompareVersions derives all rows in a generation beside the live one, as [Build] does, and compares
// them with the live rows. It does not switch.
func CompareVersions(ctx context.Context, s Versioned, sources Sources, options Options) (*Versioning, Summary, error) {
	b, summary, err := buildNext(ctx, s, sources, options)
	if err == nil {
		_, err = b.drain(ctx)
	}
	if err != nil {
		return nil, summary, err
	}
	v, err := compareBeside(ctx, s, b.next)
	return v, summary, err
}

// versionComparison compares runs of two generations.
type versionComparison struct {
	of    []*projections.Definition
	lacks map[*projections.Definition][]string
	was   Store
	is    Beside
}

func compareBeside(ctx context.Context, s Versioned, next Beside) (*Versioning, error) {
	was, lacks, more, err := s.Leniently(ctx)
	if err != nil {
		return nil, err
	}
	v := &Versioning{Added: map[string][]string{}, Removed: map[string][]string{}}
	if v.From, err = s.Versions(ctx); err != nil {
		return nil, err
	}
	if v.To, err = next.Versions(ctx); err != nil {
		return nil, err
	}
	c := &versionComparison{lacks: lacks, was: was, is: next}
	for _, of := range s.Projections().Stored() {
		if v.From[of.Name] == 0 { // a new projection, which has nothing to be compared with
			continue
		}
		c.of = append(c.of, of)
		if len(lacks[of]) > 0 {
			v.Added[of.Name] = lacks[of]
		}
		if len(more[of]) > 0 {
			v.Removed[of.Name] = more[of]
		}
	}
	var failed error
	do := func(runs []domain.RunID, yield func(comparedRun) bool) { c.runs(ctx, runs, yield) }
	for run := range parallel.InOrder(ctx, someRuns(ctx, s, &failed), do) {
		if run.err != nil {
			return nil, run.err
		}
		v.add(run)
	}
	slices.SortStableFunc(v.Differences, func(a, b VersionDifference) int {
		return cmp.Or(cmp.Compare(place(c.of, a), place(c.of, b)), cmp.Compare(a.Kind, b.Kind))
	})
	return v, cmp.Or(failed, ctx.Err())
}

// place orders differences by projection and column.
func place(of []*projections.Definition, d VersionDifference) int {
	at := slices.IndexFunc(of, func(of *projections.Definition) bool { return of.Name == d.Projection })
	return at*1000 + slices.IndexFunc(of[at].Columns, func(c projections.Column) bool { return c.Name == d.Column })
}

// someRuns yields all runs of a store, some at a time.
func someRuns(ctx context.Context, s Store, failed *error) iter.Seq[[]domain.RunID] {
	return func(yield func([]domain.RunID) bool) {
		for page, err := range Pages(ctx, besidePage, s.RunIDs) {
			*failed = err
			for some := range slices.Chunk(page, lookup) {
				if !yield(some) {
					return
				}
			}
		}
	}
}

// comparedRun is the result of one run.
type comparedRun struct {
	carried, behind bool
	differences     []VersionDifference
	err             error
}

func (v *Versioning) add(run comparedRun) {
	switch {
	case run.carried:
		v.Carried++
		return
	case run.behind:
		v.Behind++
		return
	}
	v.Compared++
	if len(run.differences) > 0 {
		v.Differing++
	}
	for _, d := range run.differences {
		sum := find(&v.Differences, d)
		sum.Rows += d.Rows
		sum.Runs++
		sum.Examples = append(sum.Examples, d.Examples[:min(len(d.Examples), maxExamples-len(sum.Examples))]...)
	}
}

// find returns the count of the same differences.
func find(all *[]VersionDifference, d VersionDifference) *VersionDifference {
	at := slices.IndexFunc(*all, func(o VersionDifference) bool {
		return o.Kind == d.Kind && o.Projection == d.Projection && o.Column == d.Column
	})
	if at < 0 {
		at = len(*all)
		*all = append(*all, VersionDifference{Kind: d.Kind, Projection: d.Projection, Column: d.Column})
	}
	return &(*all)[at]
}

// runs compares some runs, and reads those rows only that may differ.
func (c *versionComparison) runs(ctx context.Context, runs []domain.RunID, yield func(comparedRun) bool) {
	same, err := c.is.Same(ctx, runs)
	if err != nil {
		yield(comparedRun{err: err})
		return
	}
	for _, run := range runs {
		var result comparedRun
		alike, known := same[run]
		left := slices.DeleteFunc(slices.Clone(c.of), func(of *projections.Definition) bool { return slices.Contains(alike, of) })
		if !known || len(left) > 0 {
			result = c.run(ctx, run, left)
		}
		if !yield(result) {
			return
		}
	}
}

// run compares rows of one run, each generation as it is at one moment.
func (c *versionComparison) run(ctx context.Context, run domain.RunID, of []*projections.Definition) (result comparedRun) {
	result.err = c.was.View(ctx, run, func(was Snapshot) error {
		return c.is.View(ctx, run, func(is Snapshot) error {
			before, ok, err := was.Checkpoint()
			if err != nil {
				return err
			}
			after, built, err := is.Checkpoint()
			switch {
			case err != nil:
				return err
			case built && len(projections.Missing(c.is.Projections().Stored(), projections.Versions(after.Projections))) > 0:
				result.carried = true
				return nil
			case !ok || !built || before.End != after.End || before.ReadOptions != after.ReadOptions:
				result.behind = true
				return nil
			}
			for _, of := range of {
				m := &merge{of: of, lacks: c.lacks[of], run: run, result: &result}
				if err := m.compare(was.Rows(of), is.Rows(of)); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return result
}

// merge compares the rows of a table in two generations by their keys. Rows whose positions differ
// wait for their counterparts.
type merge struct {
	of      *projections.Definition
	lacks   []string
	run     domain.RunID
	result  *comparedRun
	waiting [2]map[string]projections.Rows // of the live rows, and of the new ones
}

func (m *merge) compare(was, is iter.Seq2[projections.AnyRow, error]) error {
	m.waiting = [2]map[string]projections.Rows{{}, {}}
	next, stop := iter.Pull2(is)
	defer stop()
	for old, err := range was {
		if err != nil {
			return err
		}
		row, err, ok := next()
		switch {
		case err != nil:
			return err
		case !ok:
			m.take(0, old)
		case len(m.waiting[0])+len(m.waiting[1]) == 0 && m.sameKey(old, row):
			m.columns(old, row)
		default:
			m.take(0, old)
			m.take(1, row)
		}
	}
	for row, err, ok := next(); ok; row, err, ok = next() {
		if err != nil {
			return err
		}
		m.take(1, row)
	}
	m.left(Extra, 0)
	m.left(Missing, 1)
	return nil
}

func (m *merge) sameKey(a, b projections.AnyRow) bool {
	if m.of.ByPosition {
		return a.Index == b.Index
	}
	return !slices.ContainsFunc(m.of.Keys(), func(c *projections.Column) bool { return !m.lacking(c) && !c.Equal(a.Value, b.Value) })
}

func (m *merge) lacking(c *projections.Column) bool { return slices.Contains(m.lacks, c.Name) }

// take compares a row of one generation with the same row of the other one, if that has arrived.
func (m *merge) take(side int, row projections.AnyRow) {
	key := ""
	for _, part := range keyOf(m.of, row) {
		key += fmt.Sprintf("%q ", fmt.Sprint(part.Value))
	}
	other, ok := m.waiting[1-side][key]
	switch {
	case !ok:
		rows := m.of.NewRows()
		rows.Add(row)
		m.waiting[side][key] = rows
		return
	case side == 0:
		m.columns(row, other.At(0))
	default:
		m.columns(other.At(0), row)
	}
	delete(m.waiting[1-side], key)
}

func (m *merge) columns(was, is projections.AnyRow) {
	for i := range m.of.Columns {
		if c := &m.of.Columns[i]; !c.Equal(was.Value, is.Value) && !m.lacking(c) {
			m.differs(Differs, is, c.Name, c.Value(was.Value), c.Value(is.Value))
		}
	}
}

// left reports the rows that have no counterpart, in order.
func (m *merge) left(kind Kind, side int) {
	rows := make([]projections.AnyRow, 0, len(m.waiting[side]))
	for _, row := range m.waiting[side] {
		rows = append(rows, row.At(0))
	}
	slices.SortFunc(rows, func(a, b projections.AnyRow) int { return cmp.Compare(a.Index, b.Index) })
	for _, row := range rows {
		m.differs(kind, row, "", nil, nil)
	}
}

func (m *merge) differs(kind Kind, row projections.AnyRow, column string, was, is any) {
	d := find(&m.result.differences, VersionDifference{Kind: kind, Projection: m.of.Name, Column: column})
	if d.Rows++; len(d.Examples) == maxExamples {
		return
	}
	switch kind {
	case Extra:
		was = m.of.Any(row.Value)
	case Missing:
		is = m.of.Any(row.Value)
	}
	d.Examples = append(d.Examples, Difference{Kind: kind, RunID: m.run, Table: m.of.Table, Key: keyOf(m.of, row), Column: column, Stored: was, Derived: is})
}
