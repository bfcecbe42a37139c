package memory

import (
	"errors"
	"iter"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

var errOver = errors.New("memory: the snapshot was used after its View had returned")

// snapshot reads a run that never changes.
type snapshot struct {
	id   domain.RunID
	rows *run
	over bool
}

func (s *snapshot) Checkpoint() (store.Checkpoint, bool, error) {
	if s.over {
		return store.Checkpoint{}, false, errOver
	}
	return s.rows.known(), s.rows.checkpoint.Valid, nil
}

func (s *snapshot) Rows(of *projections.Definition) iter.Seq2[projections.AnyRow, error] {
	t, ok := s.rows.tables[of.Table]
	switch {
	case !ok:
		t = newTable(of)
	case t.of == of:
	case t.of.Describe() == of.Describe():
		t = t.as(of, s.id)
	default:
		return func(yield func(projections.AnyRow, error) bool) {
			yield(projections.AnyRow{}, &store.ColumnsError{Projection: of, Stored: t.of.Version})
		}
	}
	return t.all(s)
}
